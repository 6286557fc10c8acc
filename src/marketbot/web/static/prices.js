// Charts of prices and of results, drawn with TradingView Lightweight Charts. The figures beside them say the same in words.
"use strict";
(() => {
  const charts = window.marketbotCharts;
  const library = window.LightweightCharts;
  if (!charts || !library) return;
  const PRICES_EVERY_MS = 5000;

  const look = (time) => ({
    // The library's own mark comes with an inline style, which our policy refuses; the page names its maker in words beside the chart.
    layout: { attributionLogo: false, background: { color: "transparent" }, textColor: charts.colour("muted"), fontFamily: "inherit", fontSize: 12 },
    grid: { vertLines: { visible: false }, horzLines: { color: charts.colour("line") } },
    rightPriceScale: { borderVisible: false },
    timeScale: { borderColor: charts.colour("line"), timeVisible: time, fixLeftEdge: true, fixRightEdge: true },
    crosshair: { mode: library.CrosshairMode.Magnet },
    handleScroll: { vertTouchDrag: false, mouseWheel: false },
    handleScale: { mouseWheel: false },
  });

  const drawPrices = (element) => {
    const note = document.querySelector("[data-chart-note]");
    const tick = (seconds, kind) => (kind < 3 ? charts.localDay : charts.clock).format(new Date(seconds * 1000));
    const chart = library.createChart(element, {
      ...look(true), autoSize: true,
      localization: { priceFormatter: (price) => charts.number(price), timeFormatter: (seconds) => charts.moment.format(new Date(seconds * 1000)) },
    });
    chart.applyOptions({ timeScale: { tickMarkFormatter: tick } });
    const series = chart.addSeries(library.CandlestickSeries, {});
    let lines = [];
    let shown = null;
    const paint = () => {
      chart.applyOptions(look(true));
      const gain = charts.colour("gain"), loss = charts.colour("loss");
      series.applyOptions({ upColor: gain, borderUpColor: gain, wickUpColor: gain, downColor: loss, borderDownColor: loss, wickDownColor: loss,
        priceLineColor: charts.colour("accent") });
      for (const line of lines) series.removePriceLine(line);
      lines = [];
      if (!shown) return;
      const marks = [["entry", "entry_price", "text", 2], ["stop", "stop_price", "loss", 0], ["target", "target_price", "gain", 0]];
      for (const [name, field, colour, style] of marks) {
        const price = shown[field];
        if (price === null) continue;
        lines.push(series.createPriceLine({ price: Number(price), color: charts.colour(colour), lineWidth: 2, lineStyle: style, axisLabelVisible: true, title: element.dataset[name] }));
      }
    };
    // Stop and target stay in sight, however little the price moves.
    series.applyOptions({ autoscaleInfoProvider: (original) => {
      const info = original();
      if (!info || !shown) return info;
      const kept = [shown.entry_price, shown.stop_price, shown.target_price].filter((price) => price !== null).map(Number);
      info.priceRange = { minValue: Math.min(info.priceRange.minValue, ...kept), maxValue: Math.max(info.priceRange.maxValue, ...kept) };
      return info;
    } });
    paint();
    charts.onTheme(paint);
    let fitted = false;
    charts.keep(element, PRICES_EVERY_MS, async () => {
      const found = await charts.read(element.dataset.source);
      shown = found.position;
      const least = Number(found.prices.at(-1)?.close ?? shown.entry_price);
      series.applyOptions({ priceFormat: { type: "custom", minMove: 10 ** (Math.floor(Math.log10(least)) - 5), formatter: (price) => charts.number(price) } });
      series.setData(found.prices.map((each) => ({ time: Date.parse(each.at) / 1000, open: Number(each.open), high: Number(each.high), low: Number(each.low), close: Number(each.close) })));
      paint();
      if (note && !found.prices.length) note.textContent = note.dataset.none;
      if (!fitted && found.prices.length) { chart.timeScale().fitContent(); fitted = true; }
      element.dataset.drawn = String(found.prices.length);
    });
  };

  const drawEquity = (element) => {
    const written = (time) => charts.day.format(typeof time === "string" ? new Date(time) : new Date(Date.UTC(time.year, time.month - 1, time.day)));
    const chart = library.createChart(element, {
      ...look(false), autoSize: true,
      localization: { priceFormatter: (value) => charts.number(value, 2), timeFormatter: written },
    });
    chart.applyOptions({ timeScale: { tickMarkFormatter: written } });
    const series = chart.addSeries(library.BaselineSeries, { baseValue: { type: "price", price: 0 }, lineWidth: 2, priceLineVisible: false });
    const paint = () => {
      chart.applyOptions(look(false));
      series.applyOptions({
        topLineColor: charts.colour("gain"), topFillColor1: charts.faint("gain", 0.28), topFillColor2: charts.faint("gain", 0.04),
        bottomLineColor: charts.colour("loss"), bottomFillColor1: charts.faint("loss", 0.04), bottomFillColor2: charts.faint("loss", 0.28),
      });
    };
    paint();
    charts.onTheme(paint);
    charts.keep(element, 0, async () => {
      const found = await charts.read(element.dataset.source);
      const days = found.equity.find((each) => each.environment === element.dataset.environment)?.days ?? [];
      series.setData(days.map((each) => ({ time: each.day, value: Number(each.total) })));
      chart.timeScale().fitContent();
      element.dataset.drawn = String(days.length);
    });
  };

  for (const element of document.querySelectorAll("[data-chart=prices]")) drawPrices(element);
  for (const element of document.querySelectorAll("[data-chart=equity]")) drawEquity(element);
})();
