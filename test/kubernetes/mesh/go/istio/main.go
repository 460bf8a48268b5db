// Answers as Istio's injection webhook: the webhook of pkg/kube/inject itself, with the configuration that Istio's own
// charts make of settings, and a cluster of one node.
//
// Reads requests as JSON from stdin, one after the other, and writes an answer as one line of JSON for each.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/operator/pkg/render"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/config/constants"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/inject"
	"istio.io/istio/pkg/kube/multicluster"
	"istio.io/istio/pkg/log"
)

type request struct {
	// As for `istioctl install --set`.
	Settings []string `json:"settings"`
	// The version of the kubelet on the cluster's node: Istio asks it whether there are native sidecars.
	Kubelet string          `json:"kubelet"`
	Pod     json.RawMessage `json:"pod"`
}

type answer struct {
	// What the API server makes of the webhook's patch.
	Pod json.RawMessage `json:"pod"`
	// Why the webhook refuses the pod.
	Refused string `json:"refused,omitempty"`
	// Of the MutatingWebhookConfiguration that the charts make.
	Configuration      string `json:"configuration"`
	ReinvocationPolicy string `json:"reinvocationPolicy"`
}

func main() {
	options := log.DefaultOptions()
	options.OutputPaths = []string{"stderr"}
	options.SetDefaultOutputLevel(log.OverrideScopeName, log.ErrorLevel)
	if err := log.Configure(options); err != nil {
		fail(err)
	}
	meshes := map[string]*installed{}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var asked request
		if err := in.Decode(&asked); err == io.EOF {
			return
		} else if err != nil {
			fail(err)
		}
		key := asked.Kubelet + " " + strings.Join(asked.Settings, " ")
		if meshes[key] == nil {
			made, err := install(asked.Settings, asked.Kubelet)
			if err != nil {
				fail(err)
			}
			meshes[key] = made
		}
		answered, err := meshes[key].review(asked.Pod)
		if err != nil {
			fail(err)
		}
		if err := out.Encode(answered); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// Istio in a cluster, as far as injection goes.
type installed struct {
	handler            http.Handler
	configuration      string
	reinvocationPolicy string
	config             *inject.Config
	values             string
	mesh               *meshconfig.MeshConfig
}

func install(settings []string, kubelet string) (*installed, error) {
	made := &installed{}
	if err := made.render(settings); err != nil {
		return nil, err
	}
	environment := &model.Environment{Watcher: meshwatcher.NewTestWatcher(made.mesh), ConfigStore: model.NewFakeStore()}
	context := model.NewPushContext()
	context.ProxyConfigs = model.GetProxyConfigs(environment.ConfigStore, made.mesh)
	environment.SetPushContext(context)
	mux, clusters := http.NewServeMux(), multicluster.NewFakeController()
	parameters := inject.WebhookParameters{Watcher: made, Env: environment, Mux: mux, MultiCluster: clusters}
	if _, err := inject.NewWebhook(parameters); err != nil {
		return nil, err
	}
	made.handler = mux
	client := kube.NewFakeClient(&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "node"},
		Status:     corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{KubeletVersion: kubelet}},
	})
	// Both run until this program ends.
	stop := make(chan struct{})
	clusters.Add(constants.DefaultClusterName, client, stop)
	client.RunAndWait(stop)
	return made, nil
}

// What Istio's charts make of settings, from the files that are embedded in its module.
func (made *installed) render(settings []string) error {
	manifests, _, err := render.GenerateManifest(nil, settings, false, nil, nil)
	if err != nil {
		return err
	}
	for _, set := range manifests {
		for _, object := range set.Manifests {
			data, _ := object.Object["data"].(map[string]any)
			switch object.GetKind() + " " + object.GetName() {
			case "ConfigMap istio-sidecar-injector":
				config, err := inject.UnmarshalConfig([]byte(data["config"].(string)))
				if err != nil {
					return err
				}
				made.config, made.values = &config, data["values"].(string)
			case "ConfigMap istio":
				made.mesh, err = mesh.ApplyMeshConfig(data["mesh"].(string), mesh.DefaultMeshConfig())
				if err != nil {
					return err
				}
			}
			if object.GetKind() == "MutatingWebhookConfiguration" && strings.Contains(object.GetName(), "injector") {
				first := object.Object["webhooks"].([]any)[0].(map[string]any)
				made.configuration, made.reinvocationPolicy = object.GetName(), first["reinvocationPolicy"].(string)
			}
		}
	}
	if made.config == nil || made.mesh == nil || made.configuration == "" {
		return fmt.Errorf("the charts make no injection of %v", settings)
	}
	return nil
}

// Asks the webhook about a pod, as the API server does.
func (made *installed) review(asked json.RawMessage) (*answer, error) {
	pod, err := typed(asked)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID:       "1",
			Namespace: "ci",
			Operation: admissionv1.Create,
			Object:    runtime.RawExtension{Raw: pod},
		},
	})
	if err != nil {
		return nil, err
	}
	post := httptest.NewRequest(http.MethodPost, "/inject", bytes.NewReader(body))
	post.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	made.handler.ServeHTTP(recorder, post)
	var reviewed admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &reviewed); err != nil {
		return nil, fmt.Errorf("%d: %w", recorder.Code, err)
	}
	answered := &answer{Pod: pod, Configuration: made.configuration, ReinvocationPolicy: made.reinvocationPolicy}
	if !reviewed.Response.Allowed {
		answered.Refused = reviewed.Response.Result.Message
	} else if len(reviewed.Response.Patch) > 0 {
		patch, err := jsonpatch.DecodePatch(reviewed.Response.Patch)
		if err != nil {
			return nil, err
		}
		if answered.Pod, err = patch.Apply(pod); err != nil {
			return nil, err
		}
	}
	return answered, nil
}

// A pod as the API server hands it to webhooks: it writes members of its types that the pod's maker has not written.
func typed(pod json.RawMessage) (json.RawMessage, error) {
	var read corev1.Pod
	if err := json.Unmarshal(pod, &read); err != nil {
		return nil, err
	}
	return json.Marshal(read)
}

// The three methods of inject.Watcher: the configuration does not change.

func (made *installed) SetHandler(func(*inject.Config, string) error) {}
func (made *installed) Run(<-chan struct{})                           {}
func (made *installed) Get() (*inject.Config, string, error)          { return made.config, made.values, nil }
