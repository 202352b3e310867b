{{/* What the two kinds of teacher run, with which environment, resources and mounts. */}}

{{- define "nemoflow.vllm" -}}
{{- $vllm := .Values.teacher.vllm }}
{{- $gpus := dict $vllm.gpuResource (toString $vllm.tensorParallelSize) }}
command: [vllm, serve]
args:
  - {{ $vllm.model | quote }}
  - --host=0.0.0.0
  - --port={{ .Values.teacher.port }}
  - --tensor-parallel-size={{ $vllm.tensorParallelSize }}
  - --gpu-memory-utilization={{ $vllm.gpuMemoryUtilization }}
  {{- with $vllm.servedModelName }}
  - {{ printf "--served-model-name=%s" . | quote }}
  {{- end }}
  {{- with $vllm.revision }}
  - {{ printf "--revision=%s" . | quote }}
  {{- end }}
  {{- with $vllm.maxModelLen }}
  - --max-model-len={{ . }}
  {{- end }}
  {{- with $vllm.maxNumSeqs }}
  - --max-num-seqs={{ . }}
  {{- end }}
  {{- with $vllm.reasoningParser }}
  - {{ printf "--reasoning-parser=%s" . | quote }}
  {{- end }}
  {{- if $vllm.trustRemoteCode }}
  - --trust-remote-code
  {{- end }}
  {{- if $vllm.lora.enabled }}
  - --enable-lora
  - --max-lora-rank={{ $vllm.lora.maxRank }}
  - --max-loras={{ $vllm.lora.maxLoras }}
  {{- if $vllm.lora.modules }}
  - --lora-modules
  {{- range $name, $path := $vllm.lora.modules }}
  - {{ printf "%s=%s" $name $path | quote }}
  {{- end }}
  {{- end }}
  {{- end }}
  {{- range $vllm.extraArgs }}
  - {{ . | quote }}
  {{- end }}
env:
  - {name: HOME, value: /tmp}
  - {name: HF_HOME, value: {{ $vllm.cache.mountPath | quote }}}
  - {name: VLLM_CACHE_ROOT, value: {{ printf "%s/vllm" $vllm.cache.mountPath | quote }}}
  - {name: TRITON_CACHE_DIR, value: {{ printf "%s/triton" $vllm.cache.mountPath | quote }}}
  - {name: TORCHINDUCTOR_CACHE_DIR, value: {{ printf "%s/inductor" $vllm.cache.mountPath | quote }}}
  - {name: VLLM_NO_USAGE_STATS, value: "1"}
  {{- if not $vllm.download }}
  - {name: HF_HUB_OFFLINE, value: "1"}
  {{- end }}
  {{- with $vllm.existingTokenSecret }}
  - name: HF_TOKEN
    valueFrom:
      secretKeyRef:
        name: {{ . }}
        key: HF_TOKEN
  {{- end }}
  {{- with .Values.teacher.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
resources:
  requests:
    {{- toYaml (merge (dict) $gpus $vllm.resources.requests) | nindent 4 }}
  limits:
    {{- toYaml (merge (dict) $gpus $vllm.resources.limits) | nindent 4 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: shared-memory, mountPath: /dev/shm}
  - {name: cache, mountPath: {{ $vllm.cache.mountPath | quote }}}
{{- end }}

{{- define "nemoflow.solver" -}}
{{- $solver := .Values.teacher.solver }}
command: [nemoflow, puzzles, serve]
args:
  - --host=0.0.0.0
  - --port={{ .Values.teacher.port }}
  - --error-rate={{ $solver.errorRate }}
  - --seed={{ $solver.seed }}
  {{- if $solver.modes }}
  - --modes
  {{- end }}
env:
  - {name: HOME, value: /tmp}
  {{- with .Values.teacher.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
resources:
  {{- toYaml $solver.resources | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end }}
