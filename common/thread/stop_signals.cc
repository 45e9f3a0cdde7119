#include "common/thread/stop_signals.h"

#include <csignal>

#include "absl/time/time.h"

namespace waybill {

StopSignals::StopSignals() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

bool StopSignals::WaitFor(absl::Duration limit) const {
  const timespec wait = absl::ToTimespec(limit);
  return sigtimedwait(&signals_, nullptr, &wait) > 0;
}

void StopSignals::Wait() const {
  int signal = 0;
  while (sigwait(&signals_, &signal) != 0) {
  }
}

}  // namespace waybill
