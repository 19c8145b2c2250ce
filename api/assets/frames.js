// A mail's frame is as high as the mail.

export function fit(frame) {
  const measure = () => {
    const page = frame.contentDocument?.documentElement;
    if (!page?.isConnected || !page.querySelector("body")?.hasChildNodes()) return;
    frame.style.resize = "none";
    frame.style.height = "0";
    frame.style.height = `${Math.min(page.scrollHeight + 2, 20_000)}px`;
  };
  frame.addEventListener("load", measure);
  frame.closest("details")?.addEventListener("toggle", measure);
  if (frame.contentDocument?.readyState === "complete") measure();
}

for (const frame of document.querySelectorAll("iframe[data-fit]")) fit(frame);
