// What is being written stays when the page is left or loaded anew, until it is sent: in this tab, on this machine.

const ticket = location.pathname;
const sent = new URLSearchParams(location.search).get("did");

for (const field of document.querySelectorAll(".compose-reply textarea, .compose-note textarea")) {
  const name = `draft ${ticket} ${field.id}`;
  if (sent === field.id) sessionStorage.removeItem(name);
  const kept = sessionStorage.getItem(name);
  // What the server gives back after a refusal goes first.
  if (kept && !field.value) {
    field.value = kept;
    if (field.id === "note" && !document.getElementById("reply")?.value) document.getElementById("kind-note")?.click();
  }
  field.addEventListener("input", () => {
    if (field.value) sessionStorage.setItem(name, field.value);
    else sessionStorage.removeItem(name);
  });
}

// A reload says nothing was done twice.
if (sent) {
  const clean = new URL(location.href);
  clean.searchParams.delete("did");
  history.replaceState(history.state, "", clean);
}
