"""`sealway doctor`: looks at everything a bus stands on and says what to do. Changes nothing."""
