"""Plans an inference as a static list of steps over lines. Knows neither TVM nor the C it becomes."""
