-- Which series are worst just now is asked over all of them: by time, without the channel.
CREATE INDEX verdict_start ON verdict (interval_start);
