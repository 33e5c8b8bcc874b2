{{/* Where each process goes, beside DNS and the collector; `self` is the service's own web. */}}
{{- define "notifier.edges" -}}
web: [database, auth]
consumer: [database, broker, auth]
worker: [database, auth, smtp, internet]
migrate: [database]
test: [self]
{{- end }}
