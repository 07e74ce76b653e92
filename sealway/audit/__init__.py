"""Evidence bundles: their container, their layout, their selection, their verification offline."""
