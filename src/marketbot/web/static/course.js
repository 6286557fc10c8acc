// The course of a readiness run, drawn with uPlot: what its report says in numbers, over the seconds that it took.
"use strict";
(() => {
  const charts = window.marketbotCharts;
  const place = document.querySelector("[data-course]");
  if (!charts || !window.uPlot || !place) return;
  const HEIGHT = 220;
  const LINES = ["accent", "warn", "loss", "gain", "simulation", "muted"];
  const NAMES = { p50_ms: "p50", p95_ms: "p95", p99_ms: "p99" };
  const plots = new Map();
  let course = null;

  const draw = () => {
    if (!course) return;
    const axis = { stroke: charts.colour("muted"), grid: { stroke: charts.colour("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    for (const element of place.querySelectorAll("[data-plot]")) {
      plots.get(element)?.destroy();
      const { at_s: at, mb, ...rest } = course[element.dataset.plot];
      const lines = Object.entries(mb ?? rest);
      plots.set(element, new uPlot({
        width: element.clientWidth, height: HEIGHT, cursor: { y: false },
        scales: { x: { time: false }, y: { range: (_, low, high) => [0, high * 1.1 || 1] } },
        axes: [{ ...axis, values: (_, ticks) => ticks.map((tick) => `${charts.number(tick)} s`) },
          { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => charts.number(tick)) }],
        series: [{ label: place.dataset.seconds, value: (_, value) => (value === null ? "\u2013" : charts.number(value)) },
          ...lines.map(([name], number) => ({ label: NAMES[name] ?? name, stroke: charts.colour(LINES[number % LINES.length]), width: 2,
            value: (_, value) => (value === null ? "\u2013" : charts.number(value)) }))],
      }, [at, ...lines.map(([, values]) => values)], element));
    }
    place.dataset.drawn = String(plots.size);
  };
  new ResizeObserver(() => {
    for (const [element, plot] of plots) {
      if (plot.width !== element.clientWidth) plot.setSize({ width: element.clientWidth, height: HEIGHT });
    }
  }).observe(place);
  charts.onTheme(draw);
  charts.keep(place, 0, async () => { if (!course) { course = (await charts.read(place.dataset.source)).report.course; draw(); } });
})();
