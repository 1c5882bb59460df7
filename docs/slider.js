// A slider under a pair of pictures uncovers the one that lies on top.
document.addEventListener("input", (event) => {
  const pair = event.target.closest(".pair");
  if (pair) pair.style.setProperty("--share", event.target.value + "%");
});
