/// \file report.hpp
/// What a reader did with each class and attribute of a file: nothing is dropped silently.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dec::io {

enum class Use { read, assumed, ignored };

class Report {
  public:
    struct Entry {
        std::int64_t count = 0;
        std::string example;  ///< name of the first element concerned
        std::string note;     ///< what was assumed, or why it is ignored
    };
    using Key = std::pair<std::string, Use>;  ///< "Class" or "Class.attribute"

    void add(std::string_view what, Use use, std::string_view example = {}, std::string_view note = {},
             std::int64_t count = 1);
    [[nodiscard]] std::map<Key, Entry> const& entries() const { return entries_; }
    /// One line per assumption, and one line that counts what has no meaning here; for the log.
    [[nodiscard]] std::vector<std::string> warnings() const;
    /// A table for a person (`dec inspect --report`).
    [[nodiscard]] std::string to_table() const;

  private:
    std::map<Key, Entry> entries_;
};

}  // namespace dec::io
