{{/* How many replicas: a number, a HorizontalPodAutoscaler or a KEDA ScaledObject; and how few for a moment. */}}

{{- define "common.isScaled" -}}
{{- if or (dig "autoscaling" "enabled" false .) (dig "keda" "enabled" false .) }}true{{ end -}}
{{- end }}

{{- define "common.leastReplicas" -}}
{{- if dig "autoscaling" "enabled" false . -}}
{{ int .autoscaling.minReplicas }}
{{- else if dig "keda" "enabled" false . -}}
{{ int .keda.minReplicas }}
{{- else -}}
{{ int .replicas }}
{{- end -}}
{{- end }}

{{- define "common.disruptionBudget" -}}
{{- $root := index . 0 -}}
{{- $values := get $root.Values (index . 1) -}}
{{- if and $values.podDisruptionBudget (gt (int (include "common.leastReplicas" $values)) 1) }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "common.fullname" $root }}-{{ index . 1 }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  {{- /* A pod that never got ready must not hold up the drain of its node. */}}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "common.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end }}

{{- define "common.autoscaler" -}}
{{- $root := index . 0 -}}
{{- $values := get $root.Values (index . 1) -}}
{{- if dig "autoscaling" "enabled" false $values }}
{{- if dig "keda" "enabled" false $values }}
{{- fail (printf "%s: %s.autoscaling and %s.keda are both enabled; KEDA makes an autoscaler of its own" $root.Chart.Name (index . 1) (index . 1)) }}
{{- end }}
{{- with $values.autoscaling }}
{{- if lt (int .maxReplicas) (int .minReplicas) }}
{{- fail (printf "%s: %s.autoscaling.maxReplicas is below minReplicas" $root.Chart.Name (index $ 1)) }}
{{- end }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "common.fullname" $root }}-{{ index $ 1 }}
  labels:
    {{- include "common.labels" $ | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "common.fullname" $root }}-{{ index $ 1 }}
  minReplicas: {{ int .minReplicas }}
  maxReplicas: {{ int .maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ int .cpuUtilization }}
    {{- if .requestsPerSecond }}
    - type: Pods
      pods:
        metric:
          name: http_server_requests_per_second
        target:
          type: AverageValue
          averageValue: {{ .requestsPerSecond | quote }}
    {{- end }}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 300
{{- end }}
{{- end }}
{{- end }}

{{/* By HTTP, which counts unacknowledged messages too; name and password come from the broker's own Secret. */}}
{{- define "common.kedaScaler" -}}
{{- $root := index . 0 -}}
{{- $values := get $root.Values (index . 1) -}}
{{- if dig "keda" "enabled" false $values }}
{{- with $values.keda }}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata:
  name: {{ include "common.fullname" $root }}-{{ index $ 1 }}
  labels:
    {{- include "common.labels" $ | nindent 4 }}
spec:
  secretTargetRef:
    - parameter: username
      name: {{ .existingSecret }}
      key: {{ .usernameKey }}
    - parameter: password
      name: {{ .existingSecret }}
      key: {{ .passwordKey }}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ include "common.fullname" $root }}-{{ index $ 1 }}
  labels:
    {{- include "common.labels" $ | nindent 4 }}
spec:
  scaleTargetRef:
    name: {{ include "common.fullname" $root }}-{{ index $ 1 }}
  minReplicaCount: {{ int .minReplicas }}
  maxReplicaCount: {{ int .maxReplicas }}
  fallback:
    failureThreshold: 3
    replicas: {{ int .fallbackReplicas }}
  triggers:
    - type: rabbitmq
      metadata:
        protocol: http
        host: {{ .managementUrl }}
        vhostName: {{ .vhost | quote }}
        queueName: {{ .queue }}
        mode: QueueLength
        value: {{ .queueLength | quote }}
      authenticationRef:
        name: {{ include "common.fullname" $root }}-{{ index $ 1 }}
{{- end }}
{{- end }}
{{- end }}
