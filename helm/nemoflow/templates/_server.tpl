{{/* What the chart's small servers (receiver, metrics) have in common. */}}

{{/* Name of the WorkflowTemplate that a section means; takes (dict "root" $ "where" "schedules.nightly" "section" .). */}}
{{- define "nemoflow.templateName" -}}
{{- if eq (empty .section.workflow) (empty .section.template) }}
{{- fail (printf "%s: workflow (one of this chart's, such as demo) or template (the name of any other WorkflowTemplate): one of both is right" .where) }}
{{- end }}
{{- if .section.template }}
{{- .section.template }}
{{- else }}
{{- if not (.root.Files.Get (printf "files/workflows/%s.yaml" .section.workflow)) }}
{{- fail (printf "%s.workflow: %q is none of files/workflows" .where .section.workflow) }}
{{- end }}
{{- printf "nemoflow-%s-%s" (.section.workflow | replace "_" "-") (.root.Chart.AppVersion | lower | replace "+" "-") }}
{{- end }}
{{- end }}

{{/* Service, account and Deployment of a server; takes (dict "root" $ "name" "receiver" "section" .Values.receiver "args" (list ...)
     "mounts" (list ...) "volumes" (list ...) "envFrom" (list ...) "stamp" "what its pod must be started anew for"). */}}
{{- define "nemoflow.server" -}}
{{- $root := .root }}
{{- $section := .section }}
{{- $fullname := include "nemoflow.fullname" $root }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "nemoflow.metadata" (dict "root" $root "name" .name "component" "access" "annotations" $root.Values.serviceAccounts.annotations) | nindent 2 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "nemoflow.metadata" (dict "root" $root "name" .name "component" "access") | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $fullname }}-{{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ $fullname }}-{{ .name }}
    namespace: {{ $root.Release.Namespace }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "nemoflow.metadata" (dict "root" $root "name" .name "component" .name "annotations" $section.serviceAnnotations) | nindent 2 }}
spec:
  type: ClusterIP
  selector:
    {{- include "nemoflow.selectorLabels" (dict "root" $root "component" .name) | nindent 4 }}
  ports:
    - name: {{ .port }}
      port: {{ $section.port }}
      targetPort: {{ .port }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "nemoflow.metadata" (dict "root" $root "name" .name "component" .name) | nindent 2 }}
spec:
  replicas: 1
  revisionHistoryLimit: 2
  selector:
    matchLabels:
      {{- include "nemoflow.selectorLabels" (dict "root" $root "component" .name) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "nemoflow.podLabels" (dict "root" $root "component" .name "extra" $section.podLabels) | nindent 8 }}
      annotations:
        nemoflow/settings: {{ .stamp | sha256sum | trunc 16 | quote }}
        {{- with $section.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- /* The one place where a pod of the chart's own has a token: it asks the API server. */}}
      {{- include "nemoflow.podStart" $root | replace (printf "%s-service" $fullname) (printf "%s-%s" $fullname .name) | replace "automountServiceAccountToken: false" "automountServiceAccountToken: true" | nindent 6 }}
      containers:
        - name: {{ .name }}
          image: {{ include "nemoflow.image" (dict "root" $root "image" "data") }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          command: [nemoflow]
          args:
            {{- toYaml .args | nindent 12 }}
          env:
            - {name: HOME, value: /tmp}
            {{- with $section.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          {{- with .envFrom }}
          envFrom:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          ports:
            - name: {{ .port }}
              containerPort: {{ $section.port }}
          readinessProbe:
            httpGet: {path: /healthz, port: {{ .port }}}
            periodSeconds: 5
          livenessProbe:
            httpGet: {path: /healthz, port: {{ .port }}}
            periodSeconds: 20
            failureThreshold: 6
          resources:
            {{- toYaml $section.resources | nindent 12 }}
          securityContext:
            {{- include "nemoflow.containerSecurity" $root | nindent 12 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- with .mounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir:
            sizeLimit: 64Mi
        {{- with .volumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with include "nemoflow.placement" $section }}
      {{- . | nindent 6 }}
      {{- end }}
{{- end }}
