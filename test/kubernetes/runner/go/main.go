// Makes pods as GitLab Runner and Argo Workflows make them, and validates them as the API server does.
//
// Reads a JSON array of cases from stdin and writes a JSON array of results to stdout, one for each.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	"k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/capabilities"
	"sigs.k8s.io/yaml"
)

type patch struct {
	Type string `json:"type"`
	// YAML or JSON.
	Text string `json:"text"`
}

type testCase struct {
	Pod     corev1.Pod `json:"pod"`
	Patches []patch    `json:"patches"`
}

type result struct {
	Pod corev1.Pod `json:"pod"`
	// Why a patch cannot be applied; the pod is as it was before that patch.
	Refused string `json:"refused,omitempty"`
	// What the API server would say.
	Problems []string `json:"problems"`
}

func main() {
	// As kube-apiserver is started nearly everywhere: --allow-privileged.
	capabilities.Setup(true, 0)
	var cases []testCase
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	results := make([]result, 0, len(cases))
	for _, c := range cases {
		results = append(results, makePod(c))
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func makePod(c testCase) result {
	pod := c.Pod
	for _, p := range c.Patches {
		spec, err := apply(pod.Spec, p)
		if err != nil {
			return result{Pod: pod, Refused: err.Error(), Problems: []string{}}
		}
		pod.Spec = spec
	}
	return result{Pod: pod, Problems: problems(pod)}
}

// apply patches the spec alone, and keeps only what the types of the client library know.
func apply(spec corev1.PodSpec, p patch) (corev1.PodSpec, error) {
	var patched corev1.PodSpec
	original, err := json.Marshal(spec)
	if err != nil {
		return patched, err
	}
	text, err := yaml.YAMLToJSON([]byte(p.Text))
	if err != nil {
		return patched, err
	}
	var merged []byte
	switch p.Type {
	case "strategic", "":
		merged, err = strategicpatch.StrategicMergePatch(original, text, corev1.PodSpec{})
	case "merge":
		merged, err = jsonpatch.MergePatch(original, text)
	case "json":
		var operations jsonpatch.Patch
		if operations, err = jsonpatch.DecodePatch(text); err == nil {
			merged, err = operations.Apply(original)
		}
	default:
		err = fmt.Errorf("unsupported patch type %s", p.Type)
	}
	if err != nil {
		return patched, err
	}
	err = json.Unmarshal(merged, &patched)
	return patched, err
}

// problems defaults, converts and validates as the API server does when a pod is created.
func problems(pod corev1.Pod) []string {
	found := []string{}
	versioned := pod.DeepCopy()
	versioned.TypeMeta.APIVersion, versioned.TypeMeta.Kind = "v1", "Pod"
	if versioned.Name == "" {
		versioned.Name = versioned.GenerateName + "0"
	}
	legacyscheme.Scheme.Default(versioned)
	internal := &core.Pod{}
	if err := legacyscheme.Scheme.Convert(versioned, internal, nil); err != nil {
		return append(found, err.Error())
	}
	options := podutil.GetValidationOptionsFromPodSpecAndMeta(&internal.Spec, nil, &internal.ObjectMeta, nil)
	options.ResourceIsPod = true
	for _, problem := range validation.ValidatePodCreate(internal, options) {
		found = append(found, problem.Error())
	}
	return found
}
