/* Generated from schemas/<unit>.json by schemas/generate.py; do not edit. */
#include "schemas/gen/types.h"

const struct pl_type *const pl_types[] = {
    &pl_actor_row_type,
    &pl_audit_add_type,
    &pl_audit_added_type,
    &pl_backup_create_type,
    &pl_backup_created_type,
    &pl_chat_accepted_type,
    &pl_chat_cancel_type,
    &pl_chat_delta_type,
    &pl_chat_done_type,
    &pl_chat_error_type,
    &pl_chat_request_type,
    &pl_chat_resume_type,
    &pl_envelope_type,
    &pl_exec_ready_type,
    &pl_exec_step_type,
    &pl_exec_stepped_type,
    &pl_exec_copy_type,
    &pl_exec_open_type,
    &pl_exec_result_type,
    &pl_exec_seq_type,
    &pl_feedback_add_type,
    &pl_feedback_counted_type,
    &pl_feedback_list_type,
    &pl_feedback_listed_type,
    &pl_feedback_stats_type,
    &pl_feedback_stored_type,
    &pl_feedback_row_type,
    &pl_figure_row_type,
    &pl_gen_cancel_type,
    &pl_gen_done_type,
    &pl_gen_flush_type,
    &pl_gen_submit_type,
    &pl_gen_tokens_type,
    &pl_keys_rotate_type,
    &pl_keys_rotated_type,
    &pl_letter_row_type,
    &pl_letters_list_type,
    &pl_letters_listed_type,
    &pl_letters_replay_type,
    &pl_letters_replayed_type,
    &pl_chat_message_part_type,
    &pl_net_frame_type,
    &pl_node_bye_type,
    &pl_node_hello_type,
    &pl_node_metrics_type,
    &pl_node_state_type,
    &pl_node_top_type,
    &pl_node_row_type,
    &pl_ping_type,
    &pl_pong_type,
    &pl_rec_counter_type,
    &pl_rec_feedback_type,
    &pl_rec_request_type,
    &pl_rec_retrain_type,
    &pl_rec_session_type,
    &pl_rec_tenant_day_type,
    &pl_rec_turn_type,
    &pl_retrain_request_type,
    &pl_retrain_state_type,
    &pl_retrain_status_type,
    &pl_session_row_type,
    &pl_sessions_delete_type,
    &pl_sessions_deleted_type,
    &pl_sessions_forget_type,
    &pl_sessions_forgotten_type,
    &pl_sessions_list_type,
    &pl_sessions_listed_type,
    &pl_sessions_show_type,
    &pl_sessions_shown_type,
    &pl_store_failed_type,
    &pl_store_forget_type,
    &pl_store_forgotten_type,
    &pl_store_get_type,
    &pl_store_rows_type,
    &pl_store_scan_type,
    &pl_store_values_type,
    &pl_store_write_type,
    &pl_store_written_type,
    &pl_store_key_type,
    &pl_store_op_type,
    &pl_store_row_type,
    &pl_stored_delta_type,
    &pl_sys_down_type,
    &pl_sys_ping_type,
    &pl_sys_pong_type,
    &pl_sys_stop_type,
    &pl_sys_timer_type,
    &pl_sys_undelivered_type,
    &pl_sys_up_type,
    &pl_tool_call_type,
    &pl_tool_cancel_type,
    &pl_tool_described_type,
    &pl_tool_hello_type,
    &pl_tool_ran_type,
    &pl_tool_result_type,
    &pl_tool_run_type,
    &pl_tool_description_type,
    &pl_tool_record_type,
    &pl_turn_row_type,
    &pl_usage_type,
};
const size_t pl_types_count = sizeof pl_types / sizeof pl_types[0];

const struct pl_type *pl_type_at(uint32_t id)
{
    return id >= 1 && id <= pl_types_count ? pl_types[id - 1] : NULL;
}

const struct pl_type *pl_type_find(const char *name, size_t len)
{
    size_t low = 0, high = pl_types_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2, n = strlen(pl_types[mid]->name);
        int order = memcmp(name, pl_types[mid]->name, len < n ? len : n);
        if (order == 0 && len == n) return pl_types[mid];
        if (order < 0 || (order == 0 && len < n)) high = mid;
        else low = mid + 1;
    }
    return NULL;
}
