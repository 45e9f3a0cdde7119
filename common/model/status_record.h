#ifndef WAYBILL_COMMON_MODEL_STATUS_RECORD_H_
#define WAYBILL_COMMON_MODEL_STATUS_RECORD_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "waybill/status/v1/status_record.pb.h"

/// Which status records of a child are taken. Pure.
namespace waybill::model {

/// The records after `applied`, which must follow it without a gap. FAILED_PRECONDITION otherwise.
absl::StatusOr<std::vector<status::v1::StatusRecord>> NewRecords(
    std::int64_t applied, const std::vector<status::v1::StatusRecord>& records);

/// Where the parent sees the child that reports.
struct Scope {
  std::set<std::string> subtree;  ///< The child and all below it.
  std::set<std::string> line;     ///< This site and those above it.

  /// The parents, as they are known here, of the sites that site records are about.
  std::map<std::string, std::string> parents;
};

/// A record that is not applied.
struct PassedOver {
  std::string site_code;  ///< Which it is about.
  std::string why;

  friend bool operator==(const PassedOver&, const PassedOver&) = default;
};

struct ScopedRecords {
  std::vector<status::v1::StatusRecord> taken;
  std::vector<PassedOver> passed_over;
};

/// Takes the records that are about a site of the child's subtree; a site record may add to it a
/// child of one that is in it. The others are passed over and not refused, since one that is wrong
/// for good would hold up all that the child has to say behind it: those about a site that is
/// another's child here, would close a circle, or lies elsewhere. INVALID_ARGUMENT for a site code
/// of the wrong form.
absl::StatusOr<ScopedRecords> TakeInScope(const std::vector<status::v1::StatusRecord>& records,
                                          Scope scope);

/// INVALID_ARGUMENT, naming the field, unless the job database can hold what the record says: ids
/// and names of the right form, states that are known, times in range and present where a row needs
/// one, no NUL in a text. A record without a kind says nothing and is taken. A child's records come
/// over the wire, so this is asked before anything is done with one.
absl::Status CheckRecord(const status::v1::StatusRecord& record);

/// The JSON array of the records of one kind, with the field names of the protocol and enums as
/// numbers, as the apply_*.sql statements read it; empty if there is none. INVALID_ARGUMENT for a
/// record that has no JSON form, which CheckRecord refuses too.
absl::StatusOr<std::string> RecordsAsJson(const std::vector<status::v1::StatusRecord>& records,
                                          status::v1::StatusRecord::KindCase kind);

/// The record that read_outbox.sql gives as JSON; empty JSON is a record without a kind. INTERNAL
/// if it is not one.
absl::StatusOr<status::v1::StatusRecord> RecordFromJson(std::int64_t sequence,
                                                        const std::string& json);

}  // namespace waybill::model

#endif  // WAYBILL_COMMON_MODEL_STATUS_RECORD_H_
