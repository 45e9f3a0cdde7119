#ifndef WAYBILL_COMMON_METRICS_METRICS_H_
#define WAYBILL_COMMON_METRICS_METRICS_H_

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/thread/mutex.h"

/// Numbers for operators, on http://<metrics address>/metrics in Prometheus' text format.
///
/// Names are waybill_<service>_<noun>_{total,seconds,bytes}. There is one registry for the process,
/// as there is one log: a metric is a static object beside the code that counts, for instance
///
///   static metrics::CounterFamily& sent = *new metrics::CounterFamily(
///       "waybill_sender_chunk_bytes_total", "Chunk bytes sent, by address.", {"address"});
///   sent.With({address}).Increment(bytes);

namespace waybill::metrics {

/// Where families are registered and what the exposer shows.
std::shared_ptr<prometheus::Registry> DefaultRegistry();

/// A family has at most this many combinations of label values, unless told: further ones are
/// counted together under "other", so that no peer can fill our memory with names.
constexpr int kSeriesMax = 200;

/// The metrics of one name that differ in their labels. T is prometheus::Counter, Gauge or
/// Histogram. The name, and label names, must be valid and new in the process; anything else is a
/// bug and ends the process. Thread-safe.
template <typename T>
class Family {
 public:
  Family(const std::string& name, const std::string& help,
         std::vector<std::string> label_names = {}, int series_max = kSeriesMax);

  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  /// The one with these label values, in the order of the names; they must be as many. Lives as
  /// long as the process: hot paths keep the reference, whose methods take no lock of ours.
  T& With(std::initializer_list<absl::string_view> label_values = {});

 private:
  T& Add(const std::vector<std::string>& label_values);

  prometheus::Family<T>& family_;
  const std::vector<std::string> label_names_;
  const std::size_t series_max_;
  Mutex mutex_;
  std::map<std::vector<std::string>, T*> series_ ABSL_GUARDED_BY(mutex_);
};

using CounterFamily = Family<prometheus::Counter>;
using GaugeFamily = Family<prometheus::Gauge>;

/// In seconds: 16 buckets from 0.5 ms to 120 s.
using HistogramFamily = Family<prometheus::Histogram>;

/// Serves /metrics until it is destroyed.
class Exposer {
 public:
  /// `address` is host:port; port 0 picks a free one. Two threads; a client that sends nothing is
  /// dropped after 5 s. UNAVAILABLE, naming the address, if it cannot be had.
  static absl::StatusOr<std::unique_ptr<Exposer>> Start(const std::string& address);

  virtual ~Exposer() = default;

  virtual int port() const = 0;
};

}  // namespace waybill::metrics

#endif  // WAYBILL_COMMON_METRICS_METRICS_H_
