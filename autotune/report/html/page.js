"use strict";
// Draws one figure after another, so that the page can be read meanwhile; and all of them as wide as paper for printing.
(() => {
  const PAPER = 660;
  const waiting = [...document.querySelectorAll("script[data-plot]")];
  const plots = [];
  const draw = () => {
    const script = waiting.shift();
    const place = document.getElementById(script.dataset.plot);
    const { data, layout } = JSON.parse(script.textContent);
    Plotly.newPlot(place, data, layout, { responsive: true, displayModeBar: false });
    plots.push(place);
  };
  const drawRest = () => {
    if (waiting.length) draw();
    if (waiting.length) setTimeout(drawRest);
    else document.body.dataset.drawn = plots.length;
  };
  const folded = [...document.querySelectorAll("details")];
  let open = [];
  const toPaper = () => {
    while (waiting.length) draw();
    open = folded.filter((each) => each.open);
    folded.forEach((each) => { each.open = true; });
    plots.forEach((place) => Plotly.relayout(place, { width: PAPER }));
  };
  const toScreen = () => {
    folded.forEach((each) => { each.open = open.includes(each); });
    plots.forEach((place) => Plotly.relayout(place, { width: null, autosize: true }));
  };
  matchMedia("print").addEventListener("change", (media) => (media.matches ? toPaper() : toScreen()));
  setTimeout(drawRest);
})();
