"""skaffold.yaml holds together with the charts, the Dockerfile and the Job that it names."""
