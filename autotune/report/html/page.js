"use strict";
// Draws each figure in its place, and all of them again as wide as paper when the page is printed.
(() => {
  const PAPER = 660;
  const plots = [...document.querySelectorAll("script[data-plot]")].map((script) => {
    const place = document.getElementById(script.dataset.plot);
    const { data, layout } = JSON.parse(script.textContent);
    Plotly.newPlot(place, data, layout, { responsive: true, displayModeBar: false });
    return place;
  });
  const folded = [...document.querySelectorAll("details")];
  let open = [];
  const toPaper = () => {
    open = folded.filter((each) => each.open);
    folded.forEach((each) => { each.open = true; });
    plots.forEach((place) => Plotly.relayout(place, { width: PAPER }));
  };
  const toScreen = () => {
    folded.forEach((each) => { each.open = open.includes(each); });
    plots.forEach((place) => Plotly.relayout(place, { width: null, autosize: true }));
  };
  matchMedia("print").addEventListener("change", (media) => (media.matches ? toPaper() : toScreen()));
})();
