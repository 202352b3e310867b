{{/* A WorkflowTemplate, changed in its parsed form: text would be at the mercy of how it was written. */}}

{{- define "nemoflow.workflow" -}}
{{- $root := .root }}
{{- $values := $root.Values }}
{{- $template := .template }}
{{- $spec := $template.spec }}
{{- $fullname := include "nemoflow.fullname" $root }}
{{- $labels := include "nemoflow.labels" (dict "root" $root "component" "workflow") | fromYaml }}
{{- $team := dict "nemoflow/team" $values.workflows.team }}
{{- $metadata := $template.metadata }}
{{- $_ := set $metadata "namespace" $root.Release.Namespace }}
{{- /* The version keeps it apart from what `nemoflow submit` applies: an object has one owner. */}}
{{- $_ := set $metadata "name" (printf "%s-%s" $metadata.name ($root.Chart.AppVersion | lower | replace "+" "-")) }}
{{- $_ := set $metadata "labels" (mergeOverwrite (default (dict) $metadata.labels) $labels $team) }}
{{- with mergeOverwrite (default (dict) $metadata.annotations) $values.commonAnnotations }}
{{- $_ := set $metadata "annotations" . }}
{{- end }}
{{- $_ := set $spec "serviceAccountName" (printf "%s-step" $fullname) }}
{{- with $values.global.imagePullSecrets }}
{{- $secrets := list }}
{{- range . }}
{{- $secrets = append $secrets (dict "name" .) }}
{{- end }}
{{- $_ := set $spec "imagePullSecrets" $secrets }}
{{- end }}
{{- with $spec.workflowMetadata }}
{{- $_ := set . "labels" (mergeOverwrite (default (dict) .labels) $values.commonLabels $team) }}
{{- end }}
{{- $pod := default (dict) $spec.podMetadata }}
{{- $_ := set $pod "labels" (mergeOverwrite (default (dict) $pod.labels) $values.commonLabels $values.workflows.podLabels $team) }}
{{- with mergeOverwrite (default (dict) $pod.annotations) $values.workflows.podAnnotations }}
{{- $_ := set $pod "annotations" . }}
{{- end }}
{{- $_ := set $spec "podMetadata" $pod }}
{{- range default (list) $spec.arguments.parameters }}
{{- if eq .name "root" }}
{{- $_ := set . "value" (include "nemoflow.root" $root) }}
{{- else if eq .name "workflow" }}
{{- $_ := set . "value" (.value | replace "nemoflow-teacher" (printf "%s-teacher" $fullname)) }}
{{- end }}
{{- end }}
{{- range $spec.templates }}
{{- if .container }}
{{- include "nemoflow.workflowContainer" (dict "root" $root "template" .) }}
{{- end }}
{{- end }}
{{- toYaml $template }}
{{- end }}

{{/* Changes one Container template in its place and renders nothing. */}}
{{- define "nemoflow.workflowContainer" -}}
{{- $root := .root }}
{{- $fullname := include "nemoflow.fullname" $root }}
{{- $container := .template.container }}
{{- $image := include "nemoflow.image" (dict "root" $root "image" (regexReplaceAll "[:@].*$" (base $container.image) "")) }}
{{- $_ := set $container "image" $image }}
{{- $_ := set $container "imagePullPolicy" $root.Values.image.pullPolicy }}
{{- range default (list) $container.env }}
{{- if eq .name "NEMOFLOW_IMAGE" }}
{{- $_ := set . "value" $image }}
{{- end }}
{{- end }}
{{- range default (list) $container.envFrom }}
{{- with .configMapRef }}
{{- $_ := set . "name" (printf "%s-s3" $fullname) }}
{{- end }}
{{- with .secretRef }}
{{- $_ := set . "name" $root.Values.s3.existingSecret }}
{{- end }}
{{- end }}
{{- range default (list) .template.volumes }}
{{- if and (eq .name "ca") .configMap }}
{{- $_ := set .configMap "name" (default (printf "%s-ca" $fullname) (include "nemoflow.caConfigMap" $root)) }}
{{- end }}
{{- end }}
{{- with .template.serviceAccountName }}
{{- $_ := set $.template "serviceAccountName" (. | replace "nemoflow-" (printf "%s-" $fullname)) }}
{{- end }}
{{- $pool := dig "metadata" "labels" "nemoflow/pool" "" .template }}
{{- range $key, $value := default (dict) (get $root.Values.workflows.pools $pool) }}
{{- if has $key (list "queue" "priority") }}
{{- $label := ternary "kueue.x-k8s.io/queue-name" "kueue.x-k8s.io/priority-class" (eq $key "queue") }}
{{- if $value }}
{{- $_ := set $.template.metadata.labels $label $value }}
{{- else }}
{{- $_ := unset $.template.metadata.labels $label }}
{{- end }}
{{- else }}
{{- $_ := set $.template $key $value }}
{{- end }}
{{- end }}
{{- end }}
