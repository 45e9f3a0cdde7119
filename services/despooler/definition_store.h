#ifndef WAYBILL_SERVICES_DESPOOLER_DEFINITION_STORE_H_
#define WAYBILL_SERVICES_DESPOOLER_DEFINITION_STORE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "common/model/definition_file.h"

namespace waybill::despooler {

/// One workstation's definition file as the database knows it.
struct DefinitionRow {
  std::string sms_id;
  std::string domain;
  std::int64_t offer_version = 0;    ///< Grows when its offers change.
  std::int64_t written_version = 0;  ///< The one in site.srv, 0: none.
};

/// A job that one workstation is offered.
struct OfferedJob {
  std::string sms_id;
  std::string job_id;
  bool is_waiting = false;  ///< Its target is to become OFFERED once the file stands.
};

/// What became of one file.
struct WrittenDefinition {
  std::string sms_id;
  std::int64_t written_version = 0;
  std::int64_t found_version = 0;  ///< Of a newer file that was left alone, else 0.
};

/// What the definition files of this site are made from. Each method is one transaction over a
/// batch of rows, never over one. Errors as of jobdb::Database::Run. Thread-safe.
class DefinitionStore {
 public:
  /// Borrows `database`.
  DefinitionStore(jobdb::Database& database, std::string site_code)
      : database_(database), site_code_(std::move(site_code)) {}

  /// By SMS ID, behind `after`: those whose file is out of date, or all of them.
  absl::StatusOr<std::vector<DefinitionRow>> ListUnwritten(const std::string& after, int count_max);
  absl::StatusOr<std::vector<DefinitionRow>> ListAll(const std::string& after, int count_max);

  /// What these workstations may be offered, by SMS ID, then Offer After: open targets of run jobs
  /// that are neither cancelled nor expired. What runs stays until it ends.
  absl::StatusOr<std::vector<OfferedJob>> ListOfferedJobs(const std::vector<std::string>& sms_ids);

  /// The offers of these jobs. A job whose version stands on no server of this site has none.
  absl::StatusOr<std::vector<model::Offer>> ListOffers(const std::vector<std::string>& job_ids);

  /// Records files that stand, and their new offers as OFFERED. A row that is behind its file
  /// overtakes it, so that the file is written anew.
  absl::Status PutWritten(const std::vector<WrittenDefinition>& written,
                          const std::vector<OfferedJob>& offered);

  /// Ends as EXPIRED what nobody took in time, at most `count_max` targets, and asks for their
  /// definitions anew. Returns how many.
  absl::StatusOr<int> ExpireTargets(int count_max);

  /// How long until the next offer may expire; InfiniteDuration if none will.
  absl::StatusOr<absl::Duration> UntilNextExpiry();

 private:
  jobdb::Database& database_;
  const std::string site_code_;
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_DEFINITION_STORE_H_
