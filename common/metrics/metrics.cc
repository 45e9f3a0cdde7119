#include "common/metrics/metrics.h"

#include <exception>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/status/check.h"
#include "common/thread/mutex.h"

namespace waybill::metrics {
namespace {

constexpr absl::string_view kOther = "other";

// Each about twice the one before, finest where calls are.
prometheus::Histogram::BucketBoundaries SecondsBuckets() {
  return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120};
}

// A bad or repeated name throws in prometheus-cpp. It is a bug of ours; "noexcept" makes it end the
// process with the library's text.
template <typename T>
prometheus::Family<T>& Build(const std::string& name, const std::string& help) noexcept {
  if constexpr (std::is_same_v<T, prometheus::Counter>) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(*DefaultRegistry());
  } else if constexpr (std::is_same_v<T, prometheus::Gauge>) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(*DefaultRegistry());
  } else {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(*DefaultRegistry());
  }
}

class CivetExposer final : public Exposer {
 public:
  // Throws what civetweb throws.
  explicit CivetExposer(const std::string& address)
      : exposer_(std::vector<std::string>{"listening_ports", address, "num_threads", "2",
                                          "request_timeout_ms", "5000", "enable_keep_alive",
                                          "no"}) {
    exposer_.RegisterCollectable(registry_);
  }

  int port() const override {
    const std::vector<int> ports = exposer_.GetListeningPorts();
    return ports.empty() ? 0 : ports.front();
  }

 private:
  const std::shared_ptr<prometheus::Registry> registry_ = DefaultRegistry();
  prometheus::Exposer exposer_;
};

}  // namespace

std::shared_ptr<prometheus::Registry> DefaultRegistry() {
  // Never destroyed: threads may count while the process exits.
  static auto& registry =
      *new std::shared_ptr<prometheus::Registry>(std::make_shared<prometheus::Registry>());
  return registry;
}

template <typename T>
Family<T>::Family(const std::string& name, const std::string& help,
                  std::vector<std::string> label_names, int series_max)
    : family_(Build<T>(name, help)),
      label_names_(std::move(label_names)),
      series_max_(static_cast<std::size_t>(series_max)) {
  WAYBILL_CHECK(series_max > 0);
}

template <typename T>
T& Family<T>::With(std::initializer_list<absl::string_view> label_values) {
  WAYBILL_CHECK(label_values.size() == label_names_.size());
  std::vector<std::string> key(label_values.begin(), label_values.end());
  const MutexLock lock(mutex_);
  auto found = series_.find(key);
  if (found == series_.end() && series_.size() >= series_max_) {
    key.assign(label_names_.size(), std::string(kOther));
    found = series_.find(key);
  }
  if (found == series_.end()) {
    found = series_.emplace(key, &Add(key)).first;
  }
  return *found->second;
}

template <typename T>
T& Family<T>::Add(const std::vector<std::string>& label_values) {
  std::map<std::string, std::string> labels;
  for (std::size_t i = 0; i < label_names_.size(); ++i) {
    labels[label_names_[i]] = label_values[i];
  }
  if constexpr (std::is_same_v<T, prometheus::Histogram>) {
    return family_.Add(labels, SecondsBuckets());
  } else {
    return family_.Add(labels);
  }
}

template class Family<prometheus::Counter>;
template class Family<prometheus::Gauge>;
template class Family<prometheus::Histogram>;

absl::StatusOr<std::unique_ptr<Exposer>> Exposer::Start(const std::string& address) {
  try {
    return std::make_unique<CivetExposer>(address);
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("cannot serve metrics on ", address, ": ", error.what()));
  }
}

}  // namespace waybill::metrics
