"""What runs beside the pipelines and answers over HTTP: the receiver of pushes and new data, and the exporter of metrics."""
