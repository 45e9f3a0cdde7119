#ifndef WAYBILL_TESTS_HARNESS_LINK_H_
#define WAYBILL_TESTS_HARNESS_LINK_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "common/thread/mutex.h"

namespace waybill::harness {

/// A line between two processes that a test can count on, slow down and cut: a TCP proxy on
/// loopback with a thread of its own. It exists before the process behind it does, and stays when
/// that process is killed and comes back on another port.
///
/// "Down" is from whoever connects to the process behind the line, "up" the way back. Bytes are
/// those of TLS: a few hundred go over a new connection and some with each message. Thread-safe.
class Link {
 public:
  Link();
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Where to connect to.
  int port() const { return port_; }
  std::string endpoint() const;

  /// Who is behind it; 0: nobody, connections end at once. Connections that stand stay.
  void SetTarget(int port) { target_port_ = port; }

  /// Ends all connections and each new one, until Heal.
  void Cut();
  void Heal();

  /// Cuts by itself once so many more bytes went down.
  void CutAfter(std::int64_t down_bytes);
  bool is_cut() const { return cut_; }

  /// At most so many bytes a second go down, over all connections; 0: as fast as they come.
  void Slow(std::int64_t down_bytes_per_second) { bytes_per_second_ = down_bytes_per_second; }

  /// Carried so far.
  std::int64_t bytes_down() const { return bytes_down_; }
  std::int64_t bytes_up() const { return bytes_up_; }

 private:
  struct Connection;
  struct Way;

  void Run();
  int WaitForWork(std::vector<std::unique_ptr<Connection>>& connections);
  void Accept(std::vector<std::unique_ptr<Connection>>& connections);
  void Carry(Connection& connection);
  void Fill(Way& way);
  void Drain(Way& way);
  std::int64_t Allowance(std::int64_t wanted);
  void RefillAllowance();
  void Wake();

  int listener_ = -1;
  int wake_[2] = {-1, -1};  // A pipe: what is written to its end [1] ends a poll.
  int port_ = 0;
  std::atomic<int> target_port_{0};
  std::atomic<bool> ending_{false};
  std::atomic<bool> cut_{false};
  std::atomic<std::int64_t> cut_at_bytes_;
  std::atomic<std::int64_t> bytes_per_second_{0};
  std::atomic<std::int64_t> bytes_down_{0};
  std::atomic<std::int64_t> bytes_up_{0};

  // Of the thread alone: what may go down now, while slow.
  std::int64_t allowance_ = 0;
  absl::Duration refilled_;

  Mutex mutex_;
  CondVar cut_done_;
  bool connections_open_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace waybill::harness

#endif  // WAYBILL_TESTS_HARNESS_LINK_H_
