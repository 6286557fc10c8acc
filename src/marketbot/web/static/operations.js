// An operator's charts: what all processes counted, drawn with uPlot. The figures above them say the same in words.
"use strict";
(() => {
  const charts = window.marketbotCharts;
  const place = document.querySelector("[data-plots]");
  if (!charts || !window.uPlot || !place) return;
  const EVERY_MS = 60000;
  const HEIGHT = 190;
  const LINES = ["accent", "warn", "gain", "loss", "simulation", "muted"];

  // What each plot draws of an answer: its lines, and the review's threshold if it has one.
  const PLOTS = {
    traffic: ({ series }) => ({ lines: [series.accounts, series.signals], bars: true }),
    response: ({ series, thresholds }) => ({ lines: [series.response.p50, series.response.p95], limits: thresholds.response_ms }),
    way: ({ series }) => ({ lines: Object.values(series.stages).map((each) => each.p95), sparse: true }),
    outcomes: ({ series }) => ({ lines: Object.values(series.outcomes), names: Object.keys(series.outcomes).map((name) => name.split(".")[1]), bars: true }),
    error_share: ({ series, thresholds }) => ({ lines: [series.errors_pct], limits: thresholds.errors_pct }),
    resources: ({ series, thresholds }) => ({ lines: [series.connections_pct, series.memory_pct], limits: thresholds.memory_pct, most: 100 }),
  };

  const limitLines = (limits) => ({
    hooks: { draw: [(plot) => {
      const { ctx, bbox } = plot;
      for (const [name, colour] of [["target", "warn"], ["alarm", "loss"]]) {
        const y = Math.round(plot.valToPos(limits[name], "y", true));
        if (y < bbox.top || y > bbox.top + bbox.height) continue;
        ctx.save();
        ctx.strokeStyle = ctx.fillStyle = charts.colour(colour);
        ctx.setLineDash([6, 4]);
        ctx.lineWidth = devicePixelRatio;
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
        ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
        ctx.textAlign = "right";
        ctx.fillText(`${place.dataset[name]} ${charts.number(limits[name])}`, bbox.left + bbox.width - 4 * devicePixelRatio, y - 4 * devicePixelRatio);
        ctx.restore();
      }
    }] },
  });

  const options = (element, drawn) => {
    const written = (value) => (value === null || value === undefined ? "\u2013" : charts.number(value));
    const axis = { stroke: charts.colour("muted"), grid: { stroke: charts.colour("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const highest = Math.max(0, ...drawn.lines.flat().filter((value) => value !== null));
    // A threshold far above everything would flatten the lines: it is drawn once they come near.
    const limit = drawn.limits && highest > drawn.limits.target / 3 ? drawn.limits.alarm : 0;
    const most = drawn.most ?? Math.max(highest * 1.15, limit * 1.1, 0.1);
    return {
      width: element.clientWidth, height: HEIGHT,
      scales: { y: { range: [0, most] } },
      cursor: { y: false, points: { size: 6 } },
      legend: { live: true },
      plugins: drawn.limits ? [limitLines(drawn.limits)] : [],
      axes: [
        { ...axis, space: 60, values: (_, ticks) => ticks.map((tick) => charts.clock.format(new Date(tick * 1000))) },
        { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => charts.number(tick)) },
      ],
      series: [
        { value: (_, at) => (at === null ? "\u2013" : charts.moment.format(new Date(at * 1000))), label: place.dataset.time },
        ...drawn.lines.map((_, number) => ({
          label: drawn.names?.[number] ?? element.getAttribute(`data-line-${number + 1}`),
          stroke: charts.colour(LINES[number % LINES.length]), width: drawn.bars ? 0 : 2, spanGaps: Boolean(drawn.sparse),
          fill: drawn.bars ? charts.colour(LINES[number % LINES.length]) : undefined,
          paths: drawn.bars ? uPlot.paths.bars({ size: [0.8, 14], align: 1 }) : undefined,
          points: { show: !drawn.bars, size: 4 }, value: (__, value) => written(value),
        })),
      ],
    };
  };

  const plots = new Map();
  let answer = null;
  const draw = () => {
    if (!answer) return;
    const at = answer.at.map((each) => Date.parse(each) / 1000);
    for (const element of place.querySelectorAll("[data-plot]")) {
      plots.get(element)?.destroy();
      const drawn = PLOTS[element.dataset.plot](answer);
      if (!drawn.lines.length || drawn.lines.every((line) => line.every((value) => value === null))) {
        plots.delete(element);
        element.textContent = place.dataset.none;
        continue;
      }
      element.textContent = "";
      plots.set(element, new uPlot(options(element, drawn), [at, ...drawn.lines], element));
    }
    place.dataset.drawn = String(plots.size);
  };
  new ResizeObserver(() => {
    for (const [element, plot] of plots) {
      if (plot.width !== element.clientWidth) plot.setSize({ width: element.clientWidth, height: HEIGHT });
    }
  }).observe(place);
  charts.onTheme(draw);
  charts.keep(place, EVERY_MS, async () => { answer = await charts.read(place.dataset.source); draw(); });
})();
