{{/* Where each process goes, beside DNS and the collector; `self` is the service's own web. */}}
{{- define "auth.edges" -}}
web: [database]
relay: [database, broker]
worker: [database]
migrate: [database]
test: [self]
{{- end }}
