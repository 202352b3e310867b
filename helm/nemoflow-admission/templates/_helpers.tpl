{{- define "admission.metadata" -}}
name: {{ .root.Release.Name }}-{{ .name }}
labels:
  app.kubernetes.io/name: {{ .root.Chart.Name }}
  app.kubernetes.io/instance: {{ .root.Release.Name }}
  app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .root.Release.Service }}
  app.kubernetes.io/component: admission
  helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
  {{- with .root.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* A policy acts where a binding says so: in the guarded namespaces. */ -}}
{{- define "admission.binding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  {{- include "admission.metadata" . | nindent 2 }}
spec:
  policyName: {{ .root.Release.Name }}-{{ .name }}
  validationActions: {{ .root.Values.actions | toJson }}
  matchResources:
    namespaceSelector:
      matchLabels:
        {{ .root.Values.namespaceLabel.key }}: {{ .root.Values.namespaceLabel.value | quote }}
{{- end }}
