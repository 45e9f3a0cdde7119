#ifndef WAYBILL_SERVICES_SENDER_SEND_STORE_H_
#define WAYBILL_SERVICES_SENDER_SEND_STORE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "services/sender/send_order.h"

#include "waybill/job/v1/job.pb.h"
#include "waybill/transfer/v1/instruction.pb.h"

namespace waybill::sender {

/// One row of the queue, as it is shown.
struct SendRequestRow {
  std::int64_t send_request_id = 0;
  std::string job_id;
  std::string site_code;
  std::string package_id;
  std::string version;  ///< 64 hex digits, or empty.
  std::int64_t revision = 0;
  job::v1::Priority priority = job::v1::PRIORITY_UNSPECIFIED;
  job::v1::SendState state = job::v1::SEND_STATE_UNSPECIFIED;
  std::string reason;
  int attempt_count = 0;
  std::int64_t bytes_total = 0;
  std::int64_t bytes_sent = 0;
  absl::Time create_time;
  absl::Time next_time;
  std::optional<absl::Time> finish_time;
  std::array<std::int64_t, 3> place{};  ///< Where it stands in the list: ascending.
};

/// The Sender's queue in the job database, and what it reads there. Thread-safe; each method is one
/// transaction. Errors are Database::Run's and those named.
///
///              Claim                  FinishSent
///   PENDING ---------> SENDING (3) ------------------> SENT
///      ^                |  |  |   FinishFailed, EndHopeless
///      |   Release      |  |  +---------------------> FAILED
///      +----------------+  | Retry
///                          +--------> RETRYING ----> Claim, once next_time has come
///
/// Whoever claimed holds a lease and a fence; a method with an order changes nothing, and says
/// FAILED_PRECONDITION (STALE_FENCE), when the fence is no longer the row's.
class SendStore {
 public:
  explicit SendStore(jobdb::Database& database) : database_(database) {}

  /// NOT_FOUND before the site's Scheduler has started for the first time.
  absl::StatusOr<std::string> GetSiteCode();

  /// Claims what ChooseSends chooses among the due requests of neighbours with an address. Senders
  /// of one job database take turns, so the limits hold over all of them.
  struct ClaimLimits {
    int sends_max = 5;
    absl::Duration lease = absl::Seconds(15);
    std::set<std::string> failing = {};  ///< Neighbours whose last attempt failed.
  };
  absl::StatusOr<std::vector<SendOrder>> Claim(const ClaimLimits& limits);

  /// Ends requests that wait beyond their deadline, or that a newer revision replaces, with the
  /// target sites behind them. Returns how many; up to 1,000.
  absl::StatusOr<int> EndHopeless();

  /// Lets due requests whose neighbour has no address say so.
  absl::Status MarkWithoutAddress();

  /// How long until a request becomes due; nothing if none waits.
  absl::StatusOr<std::optional<absl::Duration>> FindNextDue();

  /// Prolongs leases. An order that is not among the answers was lost to someone else.
  struct Renewed {
    std::int64_t send_request_id = 0;
    bool superseded = false;  ///< Cancelled, ended, or a newer revision is there.
    bool overdue = false;     ///< The job's deadline passed.
  };
  absl::StatusOr<std::vector<Renewed>> Renew(const std::vector<SendOrder>& orders,
                                             absl::Duration lease);

  /// `sent_bytes_more`: since the last call.
  absl::Status ShowProgress(const SendOrder& order, std::int64_t bytes_total,
                            std::int64_t sent_bytes_more);

  absl::Status FinishSent(const SendOrder& order);
  /// Also ends the target sites behind the neighbour. OK for one that was failed by a cancel.
  absl::Status FinishFailed(const SendOrder& order, const std::string& reason);
  /// `failures`: in a row, this one included.
  absl::Status Retry(const SendOrder& order, const std::string& reason, absl::Duration wait,
                     int failures);
  /// Gives the request back to the queue.
  absl::Status Release(const SendOrder& order);

  /// The instruction for the order's neighbour, without targets. FAILED_PRECONDITION if the job has
  /// another revision than the order.
  absl::StatusOr<transfer::v1::Instruction> GetInstruction(const SendOrder& order);
  /// Up to `count_max` targets of one site, behind `after_sms_id`.
  absl::StatusOr<std::vector<std::string>> ListTargets(const std::string& job_id,
                                                       const std::string& site_code,
                                                       const std::string& after_sms_id,
                                                       int count_max);
  /// NOT_FOUND if this site does not hold it.
  absl::StatusOr<VersionSizes> GetSizes(const SendOrder& order);

  struct ListFilter {
    std::string site_code;  ///< Empty: all.
    bool include_ended = false;
    std::array<std::int64_t, 3> after = {-1, 0, 0};
    int count_max = 100;
  };
  absl::StatusOr<std::vector<SendRequestRow>> List(const ListFilter& filter);

 private:
  jobdb::Database& database_;
};

}  // namespace waybill::sender

#endif  // WAYBILL_SERVICES_SENDER_SEND_STORE_H_
