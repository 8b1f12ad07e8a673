{{- define "greencloud.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "greencloud.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "greencloud.labels" -}}
{{ include "greencloud.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "greencloud.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "greencloud.name" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{/* Of a release whose servers have a tag of their own: dict root, tag. */}}
{{- define "greencloud.image" -}}
{{- if .tag -}}
{{ .root.Values.image.repository }}:{{ .tag }}
{{- else if .root.Values.image.digest -}}
{{ .root.Values.image.repository }}@{{ .root.Values.image.digest }}
{{- else -}}
{{ .root.Values.image.repository }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* What every pod has: who it runs as. */}}
{{- define "greencloud.pod" -}}
serviceAccountName: {{ include "greencloud.serviceAccount" . }}
automountServiceAccountToken: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "greencloud.container" -}}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- define "greencloud.env" -}}
- name: GREENCLOUD_DATA
  value: /var/lib/greencloud/data
- name: GREENCLOUD_STORE_URI
  value: {{ .Values.store.uri | quote }}
{{- with .Values.store.endpoint }}
- name: AWS_ENDPOINT_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.store.region }}
- name: AWS_REGION
  value: {{ . | quote }}
{{- end }}
{{- if .Values.store.allowHttp }}
- name: AWS_ALLOW_HTTP
  value: "true"
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Volumes and mounts of all pods, but for the data. */}}
{{- define "greencloud.mounts" -}}
- name: data
  mountPath: /var/lib/greencloud
- name: tmp
  mountPath: /tmp
{{- end }}

{{- define "greencloud.secrets" -}}
{{- range . }}
{{- if . }}
- secretRef:
    name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* And of servers and allocators. */}}
{{- define "greencloud.serveMounts" -}}
{{- include "greencloud.mounts" . }}
- name: keys
  mountPath: /run/greencloud/keys
  readOnly: true
{{- if .Values.tls.enabled }}
- name: tls
  mountPath: /run/greencloud/tls
  readOnly: true
{{- end }}
{{- if .Values.tls.clientCaSecret }}
- name: client-ca
  mountPath: /run/greencloud/client-ca
  readOnly: true
{{- end }}
{{- if .Values.auth.file }}
- name: auth
  mountPath: /etc/greencloud/auth
  readOnly: true
{{- end }}
{{- end }}

{{- define "greencloud.serveVolumes" -}}
- name: tmp
  emptyDir: {}
- name: keys
  secret:
    secretName: {{ .Values.keys.existingSecret }}
    items:
      - key: signing-key.pem
        path: signing-key.pem
{{- if .Values.tls.enabled }}
- name: tls
  secret:
    secretName: {{ .Values.tls.existingSecret }}
{{- end }}
{{- if .Values.tls.clientCaSecret }}
- name: client-ca
  secret:
    secretName: {{ .Values.tls.clientCaSecret }}
{{- end }}
{{- if .Values.auth.file }}
- name: auth
  configMap:
    name: {{ include "greencloud.name" . }}-auth
{{- end }}
{{- end }}

{{- define "greencloud.serveArgs" -}}
- serve
- --listen=0.0.0.0:4317
- --metrics=0.0.0.0:9464
- --insecure
{{- if .Values.tls.enabled }}
- --tls-cert=/run/greencloud/tls/tls.crt
- --tls-key=/run/greencloud/tls/tls.key
{{- end }}
{{- if .Values.tls.clientCaSecret }}
- --tls-client-ca=/run/greencloud/client-ca/ca.crt
{{- end }}
{{- if .Values.auth.file }}
- --auth=/etc/greencloud/auth/auth.toml
{{- end }}
{{- end }}

{{- define "greencloud.ports" -}}
- name: grpc
  containerPort: 4317
- name: metrics
  containerPort: 9464
{{- end }}

{{/* Kubernetes asks for health without TLS only, and without a certificate of its own. */}}
{{- define "greencloud.ready" -}}
{{- if .Values.tls.clientCaSecret }}
tcpSocket:
  port: grpc
{{- else if .Values.tls.enabled }}
exec:
  command: [python, /opt/greencloud/healthy.py]
{{- else }}
grpc:
  port: 4317
{{- end }}
{{- end }}

{{- define "greencloud.probes" -}}
startupProbe:
  tcpSocket:
    port: grpc
  periodSeconds: 2
  failureThreshold: 60
readinessProbe:
  {{- include "greencloud.ready" . | nindent 2 }}
  periodSeconds: 15
  timeoutSeconds: 10
livenessProbe:
  httpGet:
    path: /metrics
    port: metrics
  periodSeconds: 20
  timeoutSeconds: 10
  failureThreshold: 6
{{- end }}

{{/* The environment of servers and allocators: keys, the log's credentials, the copy's address. */}}
{{- define "greencloud.serveEnv" -}}
env:
  {{- include "greencloud.env" . | nindent 2 }}
  - name: GREENCLOUD_LOG_URI
    value: {{ .Values.log.uri | quote }}
  - name: KEYS_FROM
    value: /run/greencloud/keys
  {{- if .Values.tls.enabled }}
  - name: HEALTH_CA
    value: /run/greencloud/tls/ca.crt
  - name: HEALTH_NAME
    value: {{ .Values.tls.serverName | quote }}
  {{- end }}
{{- $copy := ternary .Values.servingCopy.existingSecret "" .Values.servingCopy.enabled }}
{{- with include "greencloud.secrets" (list .Values.store.existingSecret .Values.log.existingSecret $copy) }}
envFrom:
  {{- . | trim | nindent 2 }}
{{- end }}
{{- end }}

{{/* Pods of a component on different zones and nodes, as far as can be. */}}
{{- define "greencloud.spread" -}}
{{- with .keys }}
topologySpreadConstraints:
  {{- range . }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "greencloud.selector" $.root | nindent 8 }}
        app.kubernetes.io/component: {{ $.component }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "greencloud.placing" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
