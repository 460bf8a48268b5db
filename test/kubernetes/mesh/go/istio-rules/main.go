// Makes the iptables rules of Istio for a pod's network namespace, in the format of iptables-restore, and applies none.
//
// With arguments it is `istio-iptables`, as the container istio-init runs it; without any it is the CNI plugin, for the
// annotations and the proxy's environment of the pod that it reads as JSON from stdin. The file that DRY_RUN_FILE_PATH
// names gets what would be run.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"istio.io/istio/cni/pkg/plugin"
	"istio.io/istio/pkg/log"
	"istio.io/istio/tools/istio-iptables/pkg/cmd"
)

func main() {
	options := log.DefaultOptions()
	options.SetDefaultOutputLevel(log.OverrideScopeName, log.ErrorLevel)
	if len(os.Args) > 1 {
		command := cmd.GetCommand(options)
		options.AttachCobraFlags(command)
		command.SetArgs(append(os.Args[1:], "--dry-run"))
		exit(command.Execute())
	}
	var pod struct {
		Annotations map[string]string `json:"annotations"`
		Environment map[string]string `json:"environment"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&pod); err != nil {
		exit(err)
	}
	redirect, err := plugin.NewRedirect(&plugin.PodInfo{Annotations: pod.Annotations, ProxyEnvironments: pod.Environment})
	if err != nil {
		exit(err)
	}
	exit(plugin.IptablesInterceptRuleMgr().Program("pod", "/proc/self/ns/net", redirect))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
