const box = document.getElementById("find");
const said = document.getElementById("found");
const rows = [...document.querySelectorAll("[data-find]")];
const find = () => {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of rows) {
    const fits = words.every((word) => row.dataset.find.includes(word));
    row.hidden = !fits;
    count += fits;
  }
  said.textContent = words.length ? `${count} of ${rows.length}` : "";
};
box.addEventListener("input", find);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== box) { event.preventDefault(); box.focus(); }
  if (event.key === "Escape" && document.activeElement === box) { box.value = ""; find(); }
});
document.getElementById("search").hidden = false;
find();
