{{/* What every pod of ours has in common: nobody's rights, nothing writable but memory, secrets as files. */}}
{{- define "marketbot.labels" -}}
app.kubernetes.io/name: marketbot
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "marketbot.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "marketbot.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "marketbot.image" -}}
{{ required "image.reference is required" .Values.image.reference | quote }}
{{- end }}

{{/* Kubernetes makes a secret's file readable for the group, and the vault refuses such a key: a copy in memory is the user's alone. */}}
{{- define "marketbot.ownVaultKey" -}}
- name: own-vault-key
  image: {{ include "marketbot.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: ["install", "-m", "0600", "/run/vault/vault.key", "/var/lib/marketbot/vault.key"]
  securityContext:
    {{- include "marketbot.containerSecurity" . | nindent 4 }}
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {cpu: 100m, memory: 64Mi}
  volumeMounts:
    - {name: data, mountPath: /var/lib/marketbot}
    - {name: vault, mountPath: /run/vault, readOnly: true}
{{- end }}

{{/* What opens exchange keys: for executors alone. */}}
{{- define "marketbot.ownKek" -}}
- name: own-kek
  image: {{ include "marketbot.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: ["install", "-m", "0600", "/run/kek/kek.key", "/var/lib/marketbot/kek.key"]
  securityContext:
    {{- include "marketbot.containerSecurity" . | nindent 4 }}
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {cpu: 100m, memory: 64Mi}
  volumeMounts:
    - {name: data, mountPath: /var/lib/marketbot}
    - {name: kek, mountPath: /run/kek, readOnly: true}
{{- end }}

{{- define "marketbot.kekVolume" -}}
- name: kek
  secret:
    secretName: {{ required "kekSecret is required" .Values.kekSecret }}
    defaultMode: 0440
{{- end }}

{{- define "marketbot.volumes" -}}
- name: data
  emptyDir: {medium: Memory, sizeLimit: 16Mi}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
- name: secrets
  secret:
    secretName: {{ required "existingSecret is required" .Values.existingSecret }}
    defaultMode: 0440
- name: vault
  secret:
    secretName: {{ required "vaultSecret is required" .Values.vaultSecret }}
    defaultMode: 0440
{{- if .Values.databaseAuthority }}
- name: authority
  configMap: {name: {{ .Values.databaseAuthority }}}
{{- end }}
{{- end }}

{{- define "marketbot.volumeMounts" -}}
- {name: data, mountPath: /var/lib/marketbot}
- {name: tmp, mountPath: /tmp}
- {name: secrets, mountPath: /run/secrets/marketbot, readOnly: true}
{{- if .Values.databaseAuthority }}
- {name: authority, mountPath: /etc/marketbot/ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "marketbot.environment" -}}
- {name: MARKETBOT_SECRETS_DIR, value: /run/secrets/marketbot}
- {name: MARKETBOT_PROFILE, value: {{ .Values.profile | quote }}}
- {name: MARKETBOT_LOG_LEVEL, value: {{ .Values.logLevel | quote }}}
- {name: MARKETBOT_EGRESS_ADDRESSES, value: {{ .Values.egressAddresses | quote }}}
- {name: MARKETBOT_TRUSTED_PROXIES, value: {{ .Values.trustedProxies | quote }}}
{{- end }}
