// Comforts only: every page works without script.
import "./drafts.js";
import "./files.js";
import "./keys.js";
import "./live.js";

// Copy buttons are hidden until something can copy.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const word = button.querySelector("span");
    if (word) word.textContent = button.dataset.copied;
    else button.title = button.dataset.copied;
    button.classList.add("is-done");
  });
}

for (const button of document.querySelectorAll("[data-copy-link]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(location.origin + location.pathname);
    button.title = button.dataset.copied;
    button.classList.add("is-done");
  });
}

// A choice in the side panel is sent at once; its button is for those without script.
for (const form of document.querySelectorAll("form[data-auto]")) {
  form.querySelector("button").hidden = true;
  form.addEventListener("change", () => form.requestSubmit());
}

// Ctrl+Enter sends what is being written.
for (const form of document.querySelectorAll("form[data-keys=send]")) {
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector(".btn--main, .btn--note"));
  });
}

// A message is sent once, however often the button is pressed.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// Writing opens where the conversation ends.
const flow = document.getElementById("flow");
if (flow && !location.hash) flow.scrollTop = flow.scrollHeight;
