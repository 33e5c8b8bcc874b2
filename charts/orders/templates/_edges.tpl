{{/* Where each process goes, beside DNS and the collector; `self` is the service's own web. */}}
{{- define "orders.edges" -}}
web: [database, auth, paymentGateway]
relay: [database, broker]
consumer: [database, broker, auth]
worker: [database, auth, paymentGateway]
migrate: [database]
test: [self]
{{- end }}
