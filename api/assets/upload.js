// A form with files says how far it is. Where it is refused, or the line breaks, nothing that was typed or chosen is lost:
// the page stays, and what is wrong comes to stand beside its field.

for (const form of document.querySelectorAll("form[data-upload]")) {
  const bar = Object.assign(document.createElement("progress"), { max: 1, value: 0, hidden: true });
  bar.setAttribute("aria-label", form.dataset.upload);
  form.append(bar);

  const clear = () => {
    for (const old of form.querySelectorAll(".callout--bad, .error")) old.remove();
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  };
  const say = (callout) => {
    form.prepend(callout);
    callout.focus();
  };
  const lost = () => {
    const callout = Object.assign(document.createElement("p"), { className: "callout callout--bad", tabIndex: -1, textContent: form.dataset.lost });
    callout.setAttribute("role", "alert");
    say(callout);
  };
  // Takes from the page that was answered what it says about this form.
  const refused = (page) => {
    const answered = page.querySelector("form[data-upload]");
    const callout = answered?.querySelector(".callout--bad");
    if (!callout) return lost();
    for (const input of answered.querySelectorAll("input[type=hidden]")) {
      const own = form.querySelector(`input[type=hidden][name="${input.name}"]`);
      if (own) own.value = input.value;
    }
    for (const field of answered.querySelectorAll("[aria-invalid]")) {
      const own = document.getElementById(field.id);
      own?.setAttribute("aria-invalid", "true");
      own?.setAttribute("aria-describedby", field.getAttribute("aria-describedby") ?? "");
    }
    for (const error of answered.querySelectorAll(".error")) {
      document.getElementById(error.id.replace(/-e$/, ""))?.closest(".field")?.append(document.adoptNode(error));
    }
    say(document.adoptNode(callout));
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clear();
    const button = event.submitter ?? form.querySelector("[type=submit]");
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "text/html");
    request.responseType = "document";
    request.upload.addEventListener("progress", ({ loaded, total }) => { bar.value = total ? loaded / total : 0; });
    request.addEventListener("loadend", () => {
      button.disabled = false;
      bar.hidden = true;
      if (request.status === 0) return lost();
      if (request.status < 400) return location.assign(request.responseURL);
      if (request.response) return refused(request.response);
      lost();
    });
    button.disabled = true;
    bar.hidden = false;
    request.send(new FormData(form, event.submitter));
  });
}
