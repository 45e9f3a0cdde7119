#ifndef WAYBILL_COMMON_THREAD_STOP_SIGNALS_H_
#define WAYBILL_COMMON_THREAD_STOP_SIGNALS_H_

#include <csignal>

#include "absl/time/time.h"

namespace waybill {

/// SIGTERM and SIGINT as something to wait for. Make it before any thread starts: threads inherit
/// that both are blocked, so that no other one ends the process. For one waiting thread.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// Returns whether one came within `limit`.
  bool WaitFor(absl::Duration limit) const;

  /// Returns when one comes.
  void Wait() const;

 private:
  sigset_t signals_{};
};

}  // namespace waybill

#endif  // WAYBILL_COMMON_THREAD_STOP_SIGNALS_H_
