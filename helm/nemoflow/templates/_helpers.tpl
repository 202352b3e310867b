{{/* Names, labels, images and security contexts that the templates share. */}}

{{- define "nemoflow.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "nemoflow.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "nemoflow.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "nemoflow.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What a Service or Deployment selects by; takes (dict "root" $ "component" "teacher"). */}}
{{- define "nemoflow.selectorLabels" -}}
app.kubernetes.io/name: {{ include "nemoflow.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of a pod: those it is selected by, and the one that policies go by. */}}
{{- define "nemoflow.podLabels" -}}
{{ include "nemoflow.selectorLabels" . }}
app.kubernetes.io/part-of: nemoflow
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- with .extra }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of an object. */}}
{{- define "nemoflow.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "nemoflow.selectorLabels" . }}
app.kubernetes.io/part-of: nemoflow
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .root.Chart.AppVersion }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Metadata of an object; takes (dict "root" $ "name" "s3" "component" "store" "annotations" (dict ...)). */}}
{{- define "nemoflow.metadata" -}}
name: {{ .fullname | default (printf "%s-%s" (include "nemoflow.fullname" .root) .name) }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "nemoflow.labels" . | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with mergeOverwrite (dict) .root.Values.commonAnnotations (default (dict) .annotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Labels by which Kueue holds what they stand on until there is quota; takes a section with queue and priority. */}}
{{- define "nemoflow.queueLabels" -}}
{{- with .queue }}
kueue.x-k8s.io/queue-name: {{ . }}
{{- end }}
{{- with .priority }}
kueue.x-k8s.io/priority-class: {{ . }}
{{- end }}
{{- end }}

{{- define "nemoflow.registry" -}}
{{- default .Values.image.registry .Values.global.imageRegistry }}
{{- end }}

{{- define "nemoflow.tag" -}}
{{- default .Chart.AppVersion .Values.image.tag }}
{{- end }}

{{/* One of nemoflow's own images; takes (dict "root" $ "image" "data"). */}}
{{- define "nemoflow.image" -}}
{{- printf "%s/nemoflow/%s:%s" (include "nemoflow.registry" .root) .image (include "nemoflow.tag" .root) }}
{{- end }}

{{- define "nemoflow.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "nemoflow.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* What every pod of the chart begins with: no token, no rights, no links to Services. */}}
{{- define "nemoflow.podStart" -}}
serviceAccountName: {{ include "nemoflow.fullname" . }}-service
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "nemoflow.podSecurity" . | nindent 2 }}
{{- end }}

{{/* Where a pod may go; takes a section with nodeSelector, tolerations and affinity. */}}
{{- define "nemoflow.placement" -}}
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

{{- define "nemoflow.s3Endpoint" -}}
{{- if .Values.s3.endpoint }}
{{- .Values.s3.endpoint }}
{{- else if .Values.minio.enabled }}
{{- printf "http://%s-minio:%v" (include "nemoflow.fullname" .) .Values.minio.port }}
{{- end }}
{{- end }}

{{- define "nemoflow.s3Port" -}}
{{- $url := urlParse (default "https://s3.amazonaws.com" (include "nemoflow.s3Endpoint" .)) }}
{{- if regexMatch ":[0-9]+$" $url.host }}
{{- regexFind "[0-9]+$" $url.host }}
{{- else }}
{{- ternary "443" "80" (eq $url.scheme "https") }}
{{- end }}
{{- end }}

{{/* Name of the ConfigMap with the certificates of a private authority; empty where there is none. */}}
{{- define "nemoflow.caConfigMap" -}}
{{- if .Values.s3.ca.existingConfigMap }}
{{- .Values.s3.ca.existingConfigMap }}
{{- else if .Values.s3.ca.certificate }}
{{- include "nemoflow.fullname" . }}-ca
{{- end }}
{{- end }}

{{- define "nemoflow.root" -}}
{{- default (printf "s3://%s/results" (first .Values.s3.buckets)) .Values.workflows.root }}
{{- end }}

{{/* A pod of the chart that talks to S3 by one command of nemoflow; takes (dict "root" $ "args" (list ...)). */}}
{{- define "nemoflow.s3Pod" -}}
{{- $root := .root }}
{{- $ca := include "nemoflow.caConfigMap" $root }}
metadata:
  labels:
    {{- include "nemoflow.podLabels" (dict "root" $root "component" "store" "extra" $root.Values.jobs.podLabels) | nindent 4 }}
  {{- with $root.Values.jobs.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "nemoflow.podStart" $root | nindent 2 }}
  restartPolicy: Never
  containers:
    - name: nemoflow
      image: {{ include "nemoflow.image" (dict "root" $root "image" "data") }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command: [nemoflow]
      args:
        {{- toYaml .args | nindent 8 }}
      env:
        - {name: HOME, value: /tmp}
        {{- with $root.Values.jobs.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      envFrom:
        - configMapRef:
            name: {{ include "nemoflow.fullname" $root }}-s3
        - secretRef:
            name: {{ $root.Values.s3.existingSecret }}
      resources:
        {{- toYaml $root.Values.jobs.resources | nindent 8 }}
      securityContext:
        {{- include "nemoflow.containerSecurity" $root | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        {{- if $ca }}
        - {name: ca, mountPath: /etc/nemoflow-ca, readOnly: true}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 1Gi
    {{- if $ca }}
    - name: ca
      configMap:
        name: {{ $ca }}
    {{- end }}
  {{- with include "nemoflow.placement" $root.Values.jobs }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}
