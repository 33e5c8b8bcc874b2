{{/* `helm test`: real calls through the Service, by the service's own image, which has Python and nothing else. */}}

{{/* Takes the root and calls as YAML: a list of {request, body, status}. */}}
{{- define "common.testPod" -}}
{{- $root := index . 0 -}}
{{- $at := list $root "test" -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "common.fullname" $root }}-test
  labels:
    {{- include "common.podLabels" $at | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  {{- include "common.podSpec" $at | nindent 2 }}
  restartPolicy: Never
  activeDeadlineSeconds: 120
  containers:
    - name: test
      image: {{ include "common.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command:
        - python
        - -c
        - |
          {{- include "common.testProgram" $root | nindent 10 }}
      env:
        - name: BASE
          value: http://{{ include "common.fullname" $root }}:{{ include "common.webPort" $root }}
        - name: CALLS
          value: {{ index . 1 | fromYamlArray | toJson | quote }}
      securityContext:
        {{- include "common.securityContext" $root | nindent 8 }}
      resources:
        {{- toYaml $root.Values.tests.resources | nindent 8 }}
{{- end }}

{{/* A refused connection is tried again for a minute: a Service follows its pods within about a second. */}}
{{- define "common.testProgram" -}}
import json, os, sys, time, urllib.error, urllib.request

def answer(request, body):
    method, path = request.split()
    call = urllib.request.Request(os.environ["BASE"] + path, method=method, data=body and json.dumps(body).encode())
    call.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(call, timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()

deadline = time.monotonic() + 60
for call in json.loads(os.environ["CALLS"]):
    while True:
        try:
            status, text = answer(call["request"], call.get("body"))
            break
        except OSError as error:
            if time.monotonic() > deadline:
                sys.exit(f"{call['request']}: {error}")
            time.sleep(1)
    print(call["request"], status)
    if status != call["status"] or call["holds"] not in text:
        sys.exit(f"expected {call['status']} with {call['holds']!r}, got {status}: {text[:500]}")
{{- end }}
