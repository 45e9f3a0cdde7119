#ifndef WAYBILL_COMMON_RPC_STOPWATCH_H_
#define WAYBILL_COMMON_RPC_STOPWATCH_H_

#include <chrono>

#include "absl/time/time.h"

namespace waybill::rpc {

/// Time since it was made.
class Stopwatch {
 public:
  absl::Duration Elapsed() const {
    return absl::FromChrono(std::chrono::steady_clock::now() - start_);
  }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_STOPWATCH_H_
