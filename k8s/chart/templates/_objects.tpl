{{/*
The objects of the chart are the manifests of the kustomizations (manifests/ links to them) with the values of the
chart put in. Each definition here changes what it is given.
*/}}

{{/* The name of the image, by its digest where there is one. */}}
{{- define "sidestub.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end -}}

{{/*
Prints the objects of a file. Takes a dictionary: root; file, below manifests/; component, the label; settings, the values
of the component; and edit, the name of a definition that is called with each object.
*/}}
{{- define "sidestub.objects" -}}
{{- $call := . -}}
{{- $text := .root.Files.Get (printf "manifests/%s" .file) | required (printf "no file manifests/%s" .file) -}}
{{- range splitList "\n---\n" $text -}}
{{- $object := fromYaml . -}}
{{- if $object.Error }}{{ fail (printf "%s: %s" $call.file $object.Error) }}{{ end -}}
{{- if ne $object.kind "Namespace" -}}
{{- $edit := merge (dict "object" $object) $call -}}
{{- include "sidestub.place" $edit -}}
{{- if $call.component }}{{ include "sidestub.label" $edit }}{{ end -}}
{{- if $call.edit }}{{ include $call.edit $edit }}{{ end -}}
{{- if has $object.kind (list "Deployment" "DaemonSet") }}{{ include "sidestub.pod" (set $edit "template" $object.spec.template) }}{{ end -}}
{{- if eq $object.kind "CronJob" }}{{ include "sidestub.pod" (set $edit "template" $object.spec.jobTemplate.spec.template) }}{{ end }}
---
{{ toYaml $object }}
{{ end -}}
{{- end -}}
{{- end -}}

{{/* Puts an object into the namespace of the release, or of the call. */}}
{{- define "sidestub.place" -}}
{{- $cluster := list "Namespace" "ClusterRole" "ClusterRoleBinding" "MutatingWebhookConfiguration" "MutatingAdmissionPolicy" "MutatingAdmissionPolicyBinding" "ValidatingAdmissionPolicy" "ValidatingAdmissionPolicyBinding" -}}
{{- if not (has .object.kind $cluster) -}}
{{- $_ := set .object.metadata "namespace" (.namespace | default .root.Release.Namespace) -}}
{{- end -}}
{{- end -}}

{{/* Labels an object, and selects the pods of its component. */}}
{{- define "sidestub.label" -}}
{{- $labels := dict "app.kubernetes.io/name" "sidestub" "app.kubernetes.io/component" .component -}}
{{- $object := .object -}}
{{- $_ := set $object.metadata "labels" (merge ($object.metadata.labels | default dict) $labels) -}}
{{- if eq $object.kind "Service" -}}
{{- $_ := set $object.spec "selector" (merge ($object.spec.selector | default dict) $labels) -}}
{{- else if has $object.kind (list "Deployment" "DaemonSet") -}}
{{- $_ := set $object.spec "selector" (dict "matchLabels" $labels) -}}
{{- $template := $object.spec.template -}}
{{- $metadata := $template.metadata | default dict -}}
{{- $_ := set $metadata "labels" (merge ($metadata.labels | default dict) $labels) -}}
{{- $_ := set $template "metadata" $metadata -}}
{{- end -}}
{{- end -}}

{{/* What is the same for the pods of all components: image, pull secrets, where they run, what they may take. */}}
{{- define "sidestub.pod" -}}
{{- $root := .root -}}
{{- $settings := .settings -}}
{{- $pod := .template.spec -}}
{{- range $name := list "nodeSelector" "tolerations" "affinity" -}}
{{- with get $settings $name }}{{ $_ := set $pod $name . }}{{ end -}}
{{- end -}}
{{- if $settings.priorityClassName }}{{ $_ := set $pod "priorityClassName" $settings.priorityClassName -}}
{{- else }}{{ $_ := unset $pod "priorityClassName" }}{{ end -}}
{{- with $root.Values.imagePullSecrets -}}
{{- $secrets := list -}}
{{- range . }}{{ $secrets = append $secrets (dict "name" .) }}{{ end -}}
{{- $_ := set $pod "imagePullSecrets" $secrets -}}
{{- end -}}
{{- range $container := concat ($pod.initContainers | default list) $pod.containers -}}
{{- if regexMatch "^sidestub(:|$)" $container.image -}}
{{- $_ := set $container "image" (include "sidestub.image" $root) -}}
{{- with $root.Values.image.pullPolicy }}{{ $_ := set $container "imagePullPolicy" . }}{{ end -}}
{{- with $settings.resources }}{{ $_ := set $container "resources" (mergeOverwrite $container.resources .) }}{{ end -}}
{{- end -}}
{{- if $root.Values.openshift }}{{ $_ := unset $container.securityContext "runAsUser" }}{{ end -}}
{{- end -}}
{{- end -}}
