#ifndef WAYBILL_TESTS_HARNESS_AGENT_H_
#define WAYBILL_TESTS_HARNESS_AGENT_H_

#include <memory>
#include <string>

#include "absl/time/time.h"

#include "common/config/tls_files.h"
#include "tests/harness/service.h"

namespace waybill::harness {

/// waybill-pcm as one workstation. What it remembers is in a directory that outlives the process,
/// so a killed one can be started again.
class Agent {
 public:
  struct Options {
    std::string sms_id;
    std::string site_code;
    std::string endpoint;  ///< Of the PCM-Manager's listener for workstations.
    config::TlsFiles tls;
    std::string directory;  ///< Holds its state and its log.
  };

  explicit Agent(Options options);

  /// --service: polls until it is ended.
  void StartService();
  /// --once: one poll, what is due of it, and the end. Start and AwaitOnce are apart so that a test
  /// may kill it in between.
  void StartOnce();
  void AwaitOnce(absl::Duration limit = absl::Seconds(60));

  void Kill9() { process_->Kill9(); }
  bool IsRunning() { return process_ != nullptr && process_->IsRunning(); }
  const std::string& sms_id() const { return options_.sms_id; }
  std::string LogTail(int lines) const;

 private:
  void Start(const std::string& mode);

  const Options options_;
  std::unique_ptr<Process> process_;
};

}  // namespace waybill::harness

#endif  // WAYBILL_TESTS_HARNESS_AGENT_H_
