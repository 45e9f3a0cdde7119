#ifndef WAYBILL_COMMON_MODEL_STATUS_RECORD_H_
#define WAYBILL_COMMON_MODEL_STATUS_RECORD_H_

#include <cstdint>
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

/// FAILED_PRECONDITION, naming the site, unless every record is about a site of `subtree` (the
/// child and all below it); a site record may add to it a child of one that is in it. `line` is
/// this site and those above: a record that makes one of them a child would close a circle.
absl::Status CheckScope(const std::vector<status::v1::StatusRecord>& records,
                        std::set<std::string> subtree, const std::set<std::string>& line);

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
