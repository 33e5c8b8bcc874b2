{{/* A process of a service as a Deployment, with what scales it and what protects it. */}}

{{- define "common.workload" -}}
{{- include "common.checkGrace" . -}}
{{ include "common.deployment" . }}
{{ include "common.disruptionBudget" . }}
{{ include "common.autoscaler" . }}
{{ include "common.kedaScaler" . }}
{{- end }}

{{/*
Refuses a pod that is killed while it still drains: gunicorn answers no connection made after SIGTERM, so the web first
sleeps until the endpoint is gone everywhere; nothing connects to the others.
*/}}
{{- define "common.checkGrace" -}}
{{- $root := index . 0 -}}
{{- $process := index . 1 -}}
{{- $values := get $root.Values $process -}}
{{- $grace := int $values.terminationGracePeriodSeconds -}}
{{- $least := 30 -}}
{{- if eq $process "web" }}
{{- $least = add $values.preStopSleepSeconds $values.gracefulTimeoutSeconds 1 -}}
{{- else if eq $process "worker" }}
{{- $least = get $root.Values.config (printf "WAYBILL_%s_WORKER_GRACE_SECONDS" (upper $root.Chart.Name)) | default 45 -}}
{{- end }}
{{- if lt $grace (int $least) }}
{{- fail (printf "%s: %s.terminationGracePeriodSeconds is %d, but this process may take %d s to stop" $root.Chart.Name $process $grace (int $least)) }}
{{- end }}
{{- end }}

{{- define "common.deployment" -}}
{{- $root := index . 0 -}}
{{- $process := index . 1 -}}
{{- $values := get $root.Values $process -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "common.fullname" $root }}-{{ $process }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
spec:
  {{- /* A controller that scales owns the number: with server-side apply two owners are an error. */}}
  {{- if not (include "common.isScaled" $values) }}
  replicas: {{ int $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  minReadySeconds: 5
  {{- /* Where the schema comes with the same release, pods wait for it before they can be ready. */}}
  progressDeadlineSeconds: {{ eq $root.Values.migrations.mode "job" | ternary 600 180 }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: {{ eq $process "web" | ternary 0 1 }}
  selector:
    matchLabels:
      {{- include "common.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "common.podLabels" . | nindent 8 }}
      annotations:
        checksum/config: {{ include "common.configData" $root | sha256sum }}
        {{- with $root.Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "common.fullname" $root }}
      {{- include "common.podSpec" . | nindent 6 }}
      terminationGracePeriodSeconds: {{ int $values.terminationGracePeriodSeconds }}
      topologySpreadConstraints:
        {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: ScheduleAnyway
          matchLabelKeys: [pod-template-hash]
          labelSelector:
            matchLabels:
              {{- include "common.selectorLabels" (list $root $process) | nindent 14 }}
        {{- end }}
      {{- if eq $root.Values.migrations.mode "job" }}
      initContainers:
        - name: wait-for-schema
          args: [migrate, --wait-only]
          {{- include "common.container" . | nindent 10 }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
      {{- end }}
      containers:
        - name: {{ $process }}
          args: [{{ get (dict "consumer" "consume" "worker" "work") $process | default $process }}]
          {{- include "common.container" . | nindent 10 }}
          ports:
            {{- if eq $process "web" }}
            - name: http
              containerPort: {{ include "common.webPort" $root }}
              protocol: TCP
            {{- end }}
            - name: internal
              containerPort: {{ include "common.internalPort" . }}
              protocol: TCP
          {{- include "common.probes" $root | nindent 10 }}
          {{- if and (eq $process "web") (gt (int $values.preStopSleepSeconds) 0) }}
          lifecycle:
            preStop:
              sleep:
                seconds: {{ int $values.preStopSleepSeconds }}
          {{- end }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
      volumes:
        {{- include "common.volumes" . | trim | nindent 8 }}
{{- end }}

{{/* Neither liveness nor, after its first success, readiness asks the database or the broker: see kubernetes.md §3.1. */}}
{{- define "common.probes" -}}
startupProbe:
  httpGet:
    path: /livez
    port: internal
  {{- toYaml .Values.probes.startup | nindent 2 }}
readinessProbe:
  httpGet:
    path: /readyz
    port: internal
  {{- toYaml .Values.probes.readiness | nindent 2 }}
livenessProbe:
  httpGet:
    path: /livez
    port: internal
  {{- toYaml .Values.probes.liveness | nindent 2 }}
{{- end }}

{{- define "common.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" (list . "web") | nindent 4 }}
  {{- with .Values.service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: ClusterIP
  selector:
    {{- include "common.selectorLabels" (list . "web") | nindent 4 }}
  ports:
    - name: http
      port: {{ include "common.webPort" . }}
      targetPort: http
      protocol: TCP
      appProtocol: http
    - name: internal
      port: {{ include "common.internalPort" (list . "web") }}
      targetPort: internal
      protocol: TCP
{{- end }}
