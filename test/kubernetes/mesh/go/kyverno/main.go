// Makes of resources what a Kyverno policy makes of them when they are created, by Kyverno's own matching and patching.
//
// Reads a policy and resources as JSON from stdin and writes a JSON array to stdout, an element for each resource.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/go-logr/logr"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	kyvernov2 "github.com/kyverno/kyverno/api/kyverno/v2"
	"github.com/kyverno/kyverno/pkg/autogen"
	"github.com/kyverno/kyverno/pkg/config"
	"github.com/kyverno/kyverno/pkg/engine/context"
	"github.com/kyverno/kyverno/pkg/engine/jmespath"
	"github.com/kyverno/kyverno/pkg/engine/mutate"
	engineutils "github.com/kyverno/kyverno/pkg/engine/utils"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type request struct {
	Policy    kyvernov1.ClusterPolicy     `json:"policy"`
	Resources []unstructured.Unstructured `json:"resources"`
}

type result struct {
	// The status of each rule, or that it does not match.
	Rules    map[string]string         `json:"rules"`
	Resource unstructured.Unstructured `json:"resource"`
}

func main() {
	var asked request
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fail(err)
	}
	results := make([]result, 0, len(asked.Resources))
	for _, resource := range asked.Resources {
		made, err := admit(&asked.Policy, resource)
		if err != nil {
			fail(err)
		}
		results = append(results, made)
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func admit(policy kyvernov1.PolicyInterface, resource unstructured.Unstructured) (result, error) {
	values := context.NewContext(jmespath.New(config.NewDefaultConfiguration(false)))
	if err := values.AddResource(resource.Object); err != nil {
		return result{}, err
	}
	made := result{Rules: map[string]string{}, Resource: resource}
	for _, rule := range autogen.Default.ComputeRules(policy, "") {
		mismatch := engineutils.MatchesResourceDescription(
			made.Resource, rule, kyvernov2.RequestInfo{}, nil, "", resource.GroupVersionKind(), "", kyvernov1.Create)
		if mismatch != nil {
			made.Rules[rule.Name] = "no match"
			continue
		}
		response := mutate.Mutate(&rule, values, made.Resource, logr.Discard())
		if response.PatchedResource.Object == nil {
			return result{}, fmt.Errorf("rule %s: %s", rule.Name, response.Message)
		}
		made.Rules[rule.Name], made.Resource = string(response.Status), response.PatchedResource
	}
	return made, nil
}
