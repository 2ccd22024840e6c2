/// \file hdf5_handle.hpp
/// What the HDF5 writer and reader share: identifiers that close themselves, errors as text, types.
#pragma once

#include <hdf5.h>

#include <string>
#include <utility>

namespace dec::core {

/// Owns one HDF5 identifier; valid only if HDF5 gave one.
class Handle {
  public:
    using Close = herr_t (*)(hid_t);
    Handle() = default;
    Handle(hid_t id, Close closer) : id_{id}, close_{closer} {}
    Handle(Handle&& other) noexcept : id_{std::exchange(other.id_, H5I_INVALID_HID)}, close_{other.close_} {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(close_, other.close_);
        return *this;
    }
    ~Handle() { static_cast<void>(close()); }

    [[nodiscard]] bool valid() const { return id_ >= 0; }
    [[nodiscard]] hid_t id() const { return id_; }
    /// False if HDF5 could not; the identifier is given up either way.
    [[nodiscard]] bool close() { return !valid() || close_(std::exchange(id_, H5I_INVALID_HID)) >= 0; }

  private:
    hid_t id_ = H5I_INVALID_HID;
    Close close_ = nullptr;
};

/// HDF5 prints its own stack of errors unless told; what users read is composed by `app`.
inline void silence_hdf5() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

/// The innermost description on HDF5's error stack: what really went wrong.
inline std::string hdf5_reason() {
    std::string reason;
    auto const keep_first = [](unsigned, H5E_error2_t const* entry, void* target) -> herr_t {
        auto& text = *static_cast<std::string*>(target);
        if (text.empty() && entry->desc != nullptr) text = entry->desc;
        return 0;
    };
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &reason);
    return reason.empty() ? "unknown HDF5 error" : reason;
}

/// UTF-8 of `size` bytes without a terminator, or of H5T_VARIABLE length.
inline Handle text_type(std::size_t size) {
    Handle type{H5Tcopy(H5T_C_S1), H5Tclose};
    H5Tset_size(type.id(), size);
    H5Tset_cset(type.id(), H5T_CSET_UTF8);
    if (size != H5T_VARIABLE) H5Tset_strpad(type.id(), H5T_STR_NULLPAD);
    return type;
}

}  // namespace dec::core
