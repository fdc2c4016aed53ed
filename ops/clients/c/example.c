/* example.c - asks the service one question and prints the answer: example [ENDPOINT] */
#include <stdio.h>
#include "parlance.h"

int main(int n, char **words)
{
    struct parlance_opts opts = {.endpoint = n > 1 ? words[1] : NULL};
    struct parlance_client *client = NULL;
    struct parlance_question question;
    struct parlance_answer answer = {0};
    struct parlance_error error;
    parlance_question_init(&question, "Rewrite this sentence in the past tense: She walks to school.");
    int rc = parlance_client_create(&opts, &client, &error);
    if (!rc) rc = parlance_chat(client, &question, 60000, &answer, &error);
    puts(rc ? error.message : answer.text);
    parlance_answer_finish(&answer);
    parlance_client_destroy(&client);
    return rc != 0;
}
