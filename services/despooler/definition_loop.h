#ifndef WAYBILL_SERVICES_DESPOOLER_DEFINITION_LOOP_H_
#define WAYBILL_SERVICES_DESPOOLER_DEFINITION_LOOP_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/thread/loop.h"
#include "services/despooler/definition_store.h"
#include "services/despooler/distribute_loop.h"

namespace waybill::despooler {

/// Writes the master copies of the PCM definition files,
/// `<site directory>/site.srv/mancfg.box/<domain>.000/<SMS ID>.ins`.
///
/// wake -> expire what nobody took -> for each batch of out-of-date definitions: read the offers of
/// all of them, write each file beside and rename it, record versions and OFFERED in one step.
///
/// Files are derived from rows, so they are not synced one by one; the first pass looks at every
/// file and writes anew what is missing, broken or old. A file is never replaced by an older offer
/// version: one Despooler writes at a time (the lock mancfg.box/.writer.lock), and it looks at what
/// stands. A row whose domain or SMS ID is not fit for a file's name, or whose offers pass a limit
/// of the format, is reported in the log and left out; the others go on.
class DefinitionLoop {
 public:
  struct Options {
    absl::Duration poll_interval = absl::Seconds(60);
    int batch_max = 2000;
    absl::Duration locked_retry_interval = absl::Seconds(1);  ///< While another Despooler writes.
  };

  /// Borrows `store`. `site_directory` is made if it is missing.
  DefinitionLoop(DefinitionStore& store, std::string site_directory, Notify notify,
                 Options options);
  ~DefinitionLoop();

  void Start() { loop_.Start(); }
  void Wake() { loop_.Wake(); }
  void Stop() { loop_.Stop(); }

  /// One pass; returns after how long the next is due.
  absl::StatusOr<absl::Duration> RunOnce();

 private:
  class Pass;

  absl::Status Expire();
  absl::StatusOr<bool> CheckAll(Pass& pass);
  absl::Status WriteUnwritten(Pass& pass);

  DefinitionStore& store_;
  const std::string site_directory_;
  const Notify notify_;
  const Options options_;
  bool checked_ = false;
  Loop loop_;
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_DEFINITION_LOOP_H_
