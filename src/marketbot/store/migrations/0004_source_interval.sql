-- The chart interval of a source whose alerts carry the time their bar opened (TradingView's time placeholder) and no interval.
ALTER TABLE source ADD COLUMN chart_interval_s int CHECK (chart_interval_s > 0);
