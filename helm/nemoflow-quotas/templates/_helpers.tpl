{{/* What the templates share, and what a schema cannot say of the values. */}}

{{/* Metadata of an object; takes (dict "root" $ "name" "vision" "namespace" "" "team" ""). */}}
{{- define "quotas.metadata" -}}
name: {{ .name }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
labels:
  helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
  app.kubernetes.io/name: {{ .root.Chart.Name }}
  app.kubernetes.io/instance: {{ .root.Release.Name }}
  app.kubernetes.io/component: quota
  app.kubernetes.io/part-of: nemoflow
  app.kubernetes.io/managed-by: {{ .root.Release.Service }}
  app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
  {{- with .team }}
  nemoflow/team: {{ . }}
  {{- end }}
  {{- with .root.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Fails where values contradict each other; renders nothing. */}}
{{- define "quotas.check" -}}
{{- $values := .Values }}
{{- $known := dict $values.anyNode true }}
{{- range $index, $flavor := $values.flavors }}
{{- if hasKey $known $flavor.name }}
{{- fail (printf "flavors[%d].name: there are two flavors named %q" $index $flavor.name) }}
{{- end }}
{{- $_ := set $known $flavor.name true }}
{{- end }}
{{- $classes := dict }}
{{- range $index, $class := $values.priorities }}
{{- if hasKey $classes $class.name }}
{{- fail (printf "priorities[%d].name: there are two priorities named %q" $index $class.name) }}
{{- end }}
{{- $_ := set $classes $class.name true }}
{{- end }}
{{- if and (eq $values.preemption.reclaimWithinCohort "Never") (ne $values.preemption.borrowWithinCohort "Never") }}
{{- fail "preemption.borrowWithinCohort: LowerPriority needs a reclaimWithinCohort other than Never: who may not take back his own may not take others'" }}
{{- end }}
{{- $teams := dict }}
{{- $homes := dict }}
{{- range $index, $team := $values.teams }}
{{- $where := printf "teams[%d]" $index }}
{{- if hasKey $teams $team.name }}
{{- fail (printf "%s.name: there are two teams named %q" $where $team.name) }}
{{- end }}
{{- $_ := set $teams $team.name true }}
{{- range $team.namespaces }}
{{- if hasKey $homes . }}
{{- fail (printf "%s.namespaces: %q is of team %q already; a namespace has one queue" $where . (get $homes .)) }}
{{- end }}
{{- $_ := set $homes . $team.name }}
{{- end }}
{{- $seen := dict }}
{{- range $team.quota }}
{{- if or (not (hasKey $known .flavor)) (eq .flavor $values.anyNode) }}
{{- fail (printf "%s.quota: no flavor is named %q; there are %s" $where .flavor (omit $known $values.anyNode | keys | sortAlpha | join ", " | default "none")) }}
{{- end }}
{{- if hasKey $seen .flavor }}
{{- fail (printf "%s.quota: flavor %q is there twice" $where .flavor) }}
{{- end }}
{{- $_ := set $seen .flavor true }}
{{- if and (not $values.cohort) (or (hasKey . "borrowing") (hasKey . "lending")) }}
{{- fail (printf "%s.quota: flavor %q has a limit for borrowing or lending, but there is no cohort to borrow from or lend to; name one, or leave the limit out" $where .flavor) }}
{{- end }}
{{- if gt (int (default .nominal .lending)) (int .nominal) }}
{{- fail (printf "%s.quota: flavor %q lends %d, which is more than its nominal %d" $where .flavor (int .lending) (int .nominal)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Subjects of a binding; takes (dict "subjects" (list ...) "namespace" "..."). */}}
{{- define "quotas.subjects" -}}
{{- range .subjects }}
- kind: {{ .kind }}
  name: {{ .name | quote }}
  {{- if eq .kind "ServiceAccount" }}
  namespace: {{ required (printf "subject %q: a ServiceAccount needs its namespace" .name) .namespace }}
  {{- else }}
  apiGroup: rbac.authorization.k8s.io
  {{- end }}
{{- end }}
{{- end }}

{{/* A team's members and the account by which its namespaces submit, as JSON. */}}
{{- define "quotas.members" -}}
{{- $members := default (list) .members }}
{{- range .namespaces }}
{{- $members = append $members (dict "kind" "ServiceAccount" "name" "nemoflow-submit" "namespace" .) }}
{{- end }}
{{- toJson $members }}
{{- end }}
